"""What a module saves and loads: its parameters and persistent buffers, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.nn.parameter import Parameter
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


EXTRA = "_extra_state"
"""The name of what ``get_extra_state`` of a module returns."""


def own_entries(module: Module) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of what ``module`` saves of its own, without its submodules."""
    for name, parameter in module._parameters.items():
        if parameter is not None:
            yield name, parameter
    for name, buffer in module._buffers.items():
        if buffer is not None and name not in module._non_persistent_buffers:
            yield name, buffer


def save(module: Module, destination: dict[str, Any], prefix: str, keep_vars: bool) -> dict[str, Any]:
    """Put the state of ``module`` and everything below it into ``destination``; hooks see each module by itself."""
    for hook in module._state_hooks["before saving"].values():
        hook(module, prefix, keep_vars)
    for name, tensor in own_entries(module):
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
    if hasattr(module, "get_extra_state"):
        destination[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_hooks["after saving"].values():
        hook(module, destination, prefix, {})
    return destination


class _Loading:
    """What one ``load_state_dict`` has found so far, and what it is going to do once all of it fits."""

    def __init__(self, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.state = dict(state_dict)
        self.strict, self.assign = strict, assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.mismatched: list[str] = []
        self.errors: list[str] = []
        self.known: set[str] = set()
        self.actions: list[Callable[[], None]] = []
        self.visited: list[Module] = []

    def visit(self, module: Module, prefix: str = "") -> None:
        """Match the entries of ``module`` and everything below it with the state."""
        for hook in module._state_hooks["before loading"].values():
            hook(module, self.state, prefix, {}, self.strict, self.missing, self.unexpected, self.errors)
        for name, target in own_entries(module):
            path = prefix + name
            self.known.add(path)
            if path not in self.state:
                self.missing.append(path)
            elif self.fits(path, target, self.state[path]):
                self.actions.append(partial(_put, module, name, target, self.state[path], self.assign))
        if hasattr(module, "set_extra_state"):
            self.known.add(prefix + EXTRA)
            if prefix + EXTRA in self.state:
                self.actions.append(partial(module.set_extra_state, self.state[prefix + EXTRA]))
            else:
                self.missing.append(prefix + EXTRA)
        for name, child in module._modules.items():
            if child is not None:
                self.visit(child, f"{prefix}{name}.")
        self.visited.append(module)

    def fits(self, path: str, target: Tensor, source: Any) -> bool:
        """Whether ``source`` can be loaded into ``target``; noted if not."""
        if not isinstance(source, Tensor | np.ndarray):
            self.mismatched.append(f'"{path}" (a tensor in the model, a {type(source).__name__} in the state dict)')
        elif tuple(source.shape) != tuple(target.shape):
            self.mismatched.append(
                f'"{path}" ({tuple(target.shape)} in the model, {tuple(source.shape)} in the state dict)'
            )
        else:
            return True
        return False


def load(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool = False) -> IncompatibleKeys:
    """Copy the values of ``state_dict`` into ``module``; on an error nothing has been copied."""
    if not isinstance(state_dict, Mapping):
        raise ArgumentError(f"load_state_dict takes a dict of name -> tensor, got {type(state_dict).__name__}")
    loading = _Loading(state_dict, strict, assign)
    loading.visit(module)
    loading.unexpected += [name for name in loading.state if name not in loading.known]
    result = IncompatibleKeys(loading.missing, loading.unexpected)
    fits = not loading.mismatched and not loading.errors
    if fits and not (strict and (loading.missing or loading.unexpected)):
        _run(loading, result)
        return result
    if fits and any(visited._state_hooks["after loading"] for visited in loading.visited):
        # Such a hook may forgive what is missing; whether it does shows only after the rest has been loaded.
        _run(loading, result)
    _raise_problems(module, loading)
    return result


def _run(loading: _Loading, result: IncompatibleKeys) -> None:
    with no_grad():
        for action in loading.actions:
            action()
    for visited in loading.visited:
        for hook in visited._state_hooks["after loading"].values():
            hook(visited, result)


def _raise_problems(module: Module, loading: _Loading) -> None:
    problems = ["mismatched " + _listed(loading.mismatched)] if loading.mismatched else []
    if loading.strict and loading.unexpected:
        problems.insert(0, "unexpected " + _listed(f'"{name}"' for name in loading.unexpected))
    if loading.strict and loading.missing:
        problems.insert(0, "missing " + _listed(f'"{name}"' for name in loading.missing))
    problems += loading.errors
    if problems:
        raise RunError(
            f"{type(module).__name__} cannot load this state dict: {'; '.join(problems)}. Build the model with the "
            "options it was saved with"
            + ("" if loading.mismatched else ", or pass strict=False to pass over these entries")
        )


def _put(module: Module, name: str, target: Tensor, source: Any, assign: bool) -> None:
    """Copy ``source`` into ``target``, or let it take its place."""
    tensor = source if isinstance(source, Tensor) else Tensor(source)
    if not assign:
        target.copy_(tensor)
    elif isinstance(target, Parameter):
        module._parameters[name] = (
            tensor if isinstance(tensor, Parameter) else Parameter(tensor, requires_grad=target.requires_grad)
        )
    else:
        module._buffers[name] = tensor


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - LISTED_NAMES
    return ", ".join(every[:LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
