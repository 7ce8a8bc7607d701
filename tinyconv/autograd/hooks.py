"""Hooks: functions of the user's own that see a gradient as it passes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tinyconv.core.errors import GraphError

Hook = Callable[[Any], Any]

_awaited = False


def await_gradients() -> None:
    """From now on, backward passes look for leaves with hooks after accumulation."""
    global _awaited
    _awaited = True


def anyone_awaits_gradients() -> bool:
    """Whether a leaf was ever given such a hook."""
    return _awaited


class Hooks:
    """Hooks in the order in which they were registered."""

    __slots__ = ("_hooks", "_identifiers")

    def __init__(self) -> None:
        self._hooks: dict[int, Hook] = {}
        self._identifiers = itertools.count()

    def add(self, hook: Hook) -> HookHandle:
        if not callable(hook):
            raise GraphError(f"a hook must be a function, got {type(hook).__name__}")
        identifier = next(self._identifiers)
        self._hooks[identifier] = hook
        return HookHandle(self._hooks, identifier)

    def pass_through(self, gradient: Any) -> Any:
        """``gradient`` as the hooks leave it: each sees what the one before returned, unless that was None."""
        for hook in tuple(self._hooks.values()):
            replaced = hook(gradient)
            if replaced is None:
                continue
            if getattr(replaced, "shape", None) != gradient.shape:
                raise GraphError(
                    f"a hook returned {_described(replaced)} for a gradient of shape {gradient.shape}; it must return "
                    "a tensor of that shape, or None to leave the gradient as it is"
                )
            gradient = replaced
        return gradient

    def call(self, value: Any) -> None:
        for hook in tuple(self._hooks.values()):
            hook(value)


class HookHandle:
    """Returned where a hook is registered; ``remove()``, or the end of a ``with`` block, takes the hook off again."""

    def __init__(self, hooks: dict[int, Hook], identifier: int) -> None:
        self._hooks = hooks
        self._identifier = identifier

    def remove(self) -> None:
        self._hooks.pop(self._identifier, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def _described(value: Any) -> str:
    return f"a tensor of shape {value.shape}" if hasattr(value, "shape") else f"a {type(value).__name__}"
