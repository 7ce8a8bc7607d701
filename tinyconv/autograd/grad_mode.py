"""Whether operations are recorded. One flag per thread: evaluating in one thread never stops the tape of another."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

from tinyconv.core.errors import ArgumentError


class _GradMode(threading.local):
    enabled = True


_mode = _GradMode()


def is_grad_enabled() -> bool:
    """Whether operations on this thread are recorded for a later backward.

    Raises: nothing of its own.

    >>> with tc.no_grad():
    ...     tc.is_grad_enabled()
    False
    """
    return _mode.enabled


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

    def _fresh(self) -> _Switch:
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate ``function`` so that its whole body runs in this mode; a generator's too, but not what uses it."""
        if isinstance(function, type) or not callable(function):
            raise ArgumentError(f"{type(self).__name__}: decorates functions and generators, got {function!r}")
        if inspect.isgeneratorfunction(function):
            return self._decorate_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped

    def _decorate_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            step, argument = generator.send, None
            try:
                while True:
                    try:
                        with self._fresh():
                            value = step(argument)
                    except StopIteration as end:
                        return end.value
                    try:
                        argument, step = (yield value), generator.send
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        argument, step = error, generator.throw
            finally:
                with self._fresh():
                    generator.close()

        return wrapped


class _PlainSwitch(_Switch):
    """A switch without arguments, which also decorates without parentheses."""

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)

    def __init__(self, orig_func: Callable[..., Any] | None = None) -> None:
        super().__init__()


class no_grad(_PlainSwitch):
    """Run without recording: ``with no_grad(): ...``, or ``@no_grad()`` over a function or a generator.

    Raises: ``ArgumentError`` where a class is decorated.

    >>> weight = tc.ones(2, requires_grad=True)
    >>> with tc.no_grad():
    ...     weight.mul_(0.5)
    tensor([0.5, 0.5], requires_grad=True)
    """

    mode = False

    def __init__(self) -> None:
        super().__init__()


class enable_grad(_PlainSwitch):
    """Record again inside a ``no_grad`` block: ``with enable_grad(): ...`` or ``@enable_grad()``.

    Raises: ``ArgumentError`` where a class is decorated.

    >>> x = tc.tensor(3.0, requires_grad=True)
    >>> with tc.no_grad(), tc.enable_grad():
    ...     (x * x).requires_grad
    True
    """

    mode = True


class inference_mode(_Switch):
    """Run without recording, as ``no_grad`` does: ``with inference_mode(): ...``, or ``@inference_mode()``.

    PyTorch keeps no versions of what is made inside, and refuses its use on the tape later; here such tensors are like
    all others. ``mode``: with False the block records, whatever is around it.

    Raises: ``ArgumentError`` where a class is decorated.

    >>> with tc.inference_mode():
    ...     (tc.ones(2, requires_grad=True) * 2).requires_grad
    False
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool | Callable[..., Any] = True) -> None:
        super().__init__()
        self.mode = not mode

    def _fresh(self) -> _Switch:
        return inference_mode(not self.mode)


class set_grad_enabled(_Switch):
    """Switch recording on or off: at once, until the end of a ``with`` block, or for a function that it decorates.

    Raises: nothing of its own.

    >>> x = tc.tensor(3.0, requires_grad=True)
    >>> with tc.set_grad_enabled(False):
    ...     (x * x).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._at_first = _mode.enabled
        _mode.enabled = self.mode

    def __enter__(self) -> Self:
        _mode.enabled = self.mode
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.enabled = self._at_first

    def _fresh(self) -> _Switch:
        return set_grad_enabled(self.mode)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate ``function``; making this object was no switch, then."""
        _mode.enabled = self._at_first
        return super().__call__(function)
