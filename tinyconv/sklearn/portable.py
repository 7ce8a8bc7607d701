"""A module in a pickle: its tensors as the bytes of a safetensors file, the rest of it as it is."""

from __future__ import annotations

import copy
import io
from dataclasses import dataclass
from typing import Any

from tinyconv.core import gpu
from tinyconv.core.devices import CPU, Device
from tinyconv.models import weights
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.tensor import Tensor


@dataclass(eq=False)
class _Place:
    """Stands where tensor ``name`` stood. Parameters that were one object have one place."""

    name: str
    is_parameter: bool
    requires_grad: bool

    def filled(self, tensor: Tensor) -> Tensor:
        return Parameter(tensor, self.requires_grad) if self.is_parameter else tensor


class Portable:
    """``module``, which alone cannot be pickled, for its tensors cannot. Equal modules give equal pickles."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def __getstate__(self) -> dict[str, Any]:
        tensors = dict([*self.module.named_parameters(), *self.module.named_buffers()])
        places = {
            id(tensor): _Place(name, isinstance(tensor, Parameter), tensor.requires_grad)
            for name, tensor in tensors.items()
        }
        stream = io.BytesIO()
        weights.save(tensors, stream)
        return {
            "places": list(places.values()),
            # Whatever is in the memo counts as copied already.
            "module": copy.deepcopy(self.module, dict(places)),
            "device": str(device_of(self.module)),
            "safetensors": stream.getvalue(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        tensors = weights.load(io.BytesIO(state["safetensors"]))
        filled = {id(place): place.filled(tensors[place.name]) for place in state["places"]}
        self.module = copy.deepcopy(state["module"], filled)
        # What was trained on a GPU is of use where there is none.
        device = state["device"]
        self.module.to(CPU if device != "cpu" and gpu.problem() else Device(device))
