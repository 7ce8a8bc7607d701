"""How convolutions are computed: left to the engine, or one algorithm forced by the user."""

from __future__ import annotations

from tinyconv.core.errors import ArgumentError
from tinyconv.core.setting import Setting

AUTOMATIC = "automatic"
ALGORITHMS = ("direct", "winograd", "pointwise", "depthwise", "grouped", "folded")


def convolution_algorithm() -> str:
    """The setting of ``set_convolution_algorithm``.

    Raises: nothing of its own.

    >>> tc.get_convolution_algorithm()
    'automatic'
    """
    return set_convolution_algorithm._value


class set_convolution_algorithm(Setting):
    """Force how convolutions are computed, at once; in a ``with`` statement, until its block ends.

    ``name``: "automatic", the default, chooses by the shape. "direct", "winograd", "pointwise", "depthwise",
    "grouped" or "folded" is taken for every convolution and gradient that it can compute, whether or not it is the
    fastest; others are still chosen by the shape. Winograd and folding, which spread an infinite or undefined pixel
    over its neighbours, are never taken for float64, nor where ``set_float32_precision`` says "exact". A GPU knows only
    "depthwise" and "direct", tiles of a matrix product, and chooses by the shape where another is forced. The setting
    is the process's, for all its threads.

    Raises: ``ArgumentError`` for another name.

    >>> with tc.set_convolution_algorithm("direct"):
    ...     tc.get_convolution_algorithm()
    'direct'
    >>> tc.get_convolution_algorithm()
    'automatic'
    """

    _value = AUTOMATIC

    def __init__(self, name: str) -> None:
        names = (AUTOMATIC, *ALGORITHMS)
        if name not in names:
            raise ArgumentError(f"set_convolution_algorithm: name is {', '.join(map(repr, names))}, got {name!r}")
        super().__init__(name)
