"""What a module saves and loads: its parameters and persistent buffers, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.errors import RunError
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.nn.module import Module

LISTED_NAMES = 10
"""How many names of each kind an error lists; a checkpoint of quite another model would fill screens."""


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict(strict=False)`` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def entries(module: Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of everything ``module`` saves; a tensor shared by two layers comes under both names."""
    for path, submodule in module.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
        start = f"{path}." if path else ""
        for name, parameter in submodule._parameters.items():
            if parameter is not None:
                yield start + name, parameter
        for name, buffer in submodule._buffers.items():
            if buffer is not None and name not in submodule._non_persistent_buffers:
                yield start + name, buffer


def load(module: Module, state_dict: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Copy the values of ``state_dict`` into ``module``; on an error nothing has been copied."""
    own = dict(entries(module))
    missing = [name for name in own if name not in state_dict]
    unexpected = [name for name in state_dict if name not in own]
    mismatched = []
    for name, target in own.items():
        if name not in state_dict:
            continue
        source = state_dict[name]
        if not isinstance(source, Tensor | np.ndarray):
            mismatched.append(f'"{name}" (a tensor in the model, a {type(source).__name__} in the state dict)')
        elif tuple(source.shape) != tuple(target.shape):
            mismatched.append(f'"{name}" ({tuple(target.shape)} in the model, {tuple(source.shape)} in the state dict)')
    problems = ["mismatched " + _listed(mismatched)] if mismatched else []
    if strict and unexpected:
        problems.insert(0, "unexpected " + _listed(f'"{name}"' for name in unexpected))
    if strict and missing:
        problems.insert(0, "missing " + _listed(f'"{name}"' for name in missing))
    if problems:
        raise RunError(
            f"{type(module).__name__} cannot load this state dict: {'; '.join(problems)}. Build the model with the "
            "options it was saved with" + ("" if mismatched else ", or pass strict=False to pass over these entries")
        )
    with no_grad():
        for name, target in own.items():
            if name in state_dict:
                source = state_dict[name]
                target.copy_(source if isinstance(source, Tensor) else Tensor(source))
    return IncompatibleKeys(missing, unexpected)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - LISTED_NAMES
    return ", ".join(every[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
