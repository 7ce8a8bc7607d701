"""Update rules of optimisers on whole groups of parameters, for the floor above, which does not call the backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.devices import array_module

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

State = Sequence[tuple["Tensor", ...]]


def adam_step(parameters: Sequence[Tensor], state: State, rates: Sequence[tuple[float, ...]], **rule: Any) -> None:
    """Step along the gradients; ``state``: (mean, mean square), or also the largest mean square, of each parameter.

    ``rates``: (size, correction) of each; ``rule`` and the formula: see ``backends.reference.adam_step``.
    """
    for indices in _of_one_kind(parameters):
        group = _Group([parameters[index] for index in indices])
        moments = [tuple(tensor.array for tensor in state[index]) for index in indices]
        chosen = np.array([rates[index] for index in indices], np.float64)
        group.backend.adam_step(group.values, group.gradients, moments, chosen, **rule)
        group.write_back()


def sgd_step(parameters: Sequence[Tensor], velocities: State, new: Sequence[float], **rule: Any) -> None:
    """Step along the gradients; ``velocities``: (velocity,) of each parameter, or () without momentum.

    ``new``: how much each velocity takes of the gradient; ``rule`` and the formula: ``backends.reference.sgd_step``.
    """
    for indices in _of_one_kind(parameters):
        group = _Group([parameters[index] for index in indices])
        arrays = [tensor.array for index in indices for tensor in velocities[index]]
        chosen = np.array([[new[index]] for index in indices], np.float64)
        group.backend.sgd_step(group.values, group.gradients, arrays, chosen, **rule)
        group.write_back()


class _Group:
    """Parameters of one type on one device, as arrays in engine order."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = parameters
        device = parameters[0].device
        xp = array_module(device)
        self.backend = backend(device)
        self.values = [layout.ordered(parameter.array, xp) for parameter in parameters]
        self.gradients = [layout.ordered(parameter.grad.array, xp) for parameter in parameters]

    def write_back(self) -> None:
        """Note the writes; a parameter in another memory order was copied and is written now."""
        for parameter, values in zip(self.parameters, self.values, strict=True):
            if values is not parameter.array:
                parameter.array[...] = values
            parameter.bump_version()


def _of_one_kind(parameters: Sequence[Tensor]) -> list[list[int]]:
    """Which of ``parameters`` share type and device."""
    kinds: dict[Any, list[int]] = {}
    for index, parameter in enumerate(parameters):
        kinds.setdefault((parameter.array.dtype, parameter.device), []).append(index)
    return list(kinds.values())
