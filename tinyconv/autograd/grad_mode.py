"""Whether operations are recorded. One flag per thread: evaluating in one thread never stops the tape of another."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _GradMode(threading.local):
    enabled = True


_mode = _GradMode()


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded for a later backward."""
    return _mode.enabled


class set_grad_enabled:
    """Switch recording on or off at once; as a context manager, until its end."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self._before = _mode.enabled
        _mode.enabled = self.mode

    def __enter__(self) -> Self:
        _mode.enabled = self.mode
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.enabled = self._before


class _Switch:
    """A mode that is entered with ``with`` or used as a decorator. Instances nest and can be used again."""

    mode: bool

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> Self:
        self._before.append(_mode.enabled)
        _mode.enabled = self.mode
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.enabled = self._before.pop()

    def __call__(self, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Decorate ``function`` so that its whole body runs in this mode."""

        @functools.wraps(function)
        def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """Run without recording: ``with no_grad(): ...`` or ``@no_grad()``."""

    mode = False


class enable_grad(_Switch):
    """Record again inside a ``no_grad`` block: ``with enable_grad(): ...`` or ``@enable_grad()``."""

    mode = True
