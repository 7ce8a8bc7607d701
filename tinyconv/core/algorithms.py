"""How convolutions are computed: left to the engine, or one algorithm forced by the user."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tinyconv.core.errors import ArgumentError

AUTOMATIC = "automatic"
ALGORITHMS = ("direct", "winograd", "pointwise", "depthwise", "grouped", "folded")

_name = AUTOMATIC


def convolution_algorithm() -> str:
    """The setting of ``set_convolution_algorithm``.

    Raises: nothing of its own.

    >>> tc.get_convolution_algorithm()
    'automatic'
    """
    return _name


class set_convolution_algorithm:
    """Force how convolutions are computed, at once; in a ``with`` statement, until its block ends.

    ``name``: "automatic", the default, chooses by the shape. "direct", "winograd", "pointwise", "depthwise",
    "grouped" or "folded" is taken for every convolution and gradient that it can compute, whether or not it is the
    fastest; others are still chosen by the shape. Winograd and folding, which spread an infinite or undefined pixel
    over its neighbours, are never taken for float64, nor where ``set_float32_precision`` says "exact". The setting is
    the process's, for all its threads.

    Raises: ``ArgumentError`` for another name.

    >>> with tc.set_convolution_algorithm("direct"):
    ...     tc.get_convolution_algorithm()
    'direct'
    >>> tc.get_convolution_algorithm()
    'automatic'
    """

    def __init__(self, name: str) -> None:
        names = (AUTOMATIC, *ALGORITHMS)
        if name not in names:
            raise ArgumentError(f"set_convolution_algorithm: name is {', '.join(map(repr, names))}, got {name!r}")
        self._before = _name
        _set(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _set(self._before)


def _set(name: str) -> None:
    global _name
    _name = name
