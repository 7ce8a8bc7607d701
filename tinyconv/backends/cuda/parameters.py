"""What a kernel's parameters are: the annotations of the function that is compiled.

    @kernel
    def scale(x: Floats, factor: Float, y: Floats): ...

T, the working type, is float32 or float64, and the same in all parameters that have it. Arrays are C-contiguous; maps
are (N, H, W, C), as they lie in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import types

WORKING_TYPES = ("float32", "float64")

LETTERS = {"float32": "f", "float64": "d", "int32": "i", "int64": "q", "uint64": "Q"}
"""How ``struct`` names a number of the type; it aligns each as CUDA does."""


class Parameter(NamedTuple):
    """``element``: NumPy's name of the type, None for the working type; ``ndim``: 0 for a number."""

    element: str | None
    ndim: int

    def numba_type(self, working: str) -> Any:
        """What Numba compiles for."""
        element = types.uint8 if self.element == "bool" else getattr(types, self.element or working)
        return types.Array(element, self.ndim, "C") if self.ndim else element

    def layout(self, working: str) -> str:
        """The parameter in ``struct``'s letters: of an array all that Numba wants to know of it."""
        if self.ndim == 0:
            return LETTERS[self.element or working]
        return "QQqqQ" + "q" * 2 * self.ndim

    def flattened(self, name: str) -> str:
        """The numbers for ``layout`` as Python, of an argument called ``name``.

        Of an array: owner, parent, size, bytes of an element, address, sizes, steps.
        """
        if self.ndim == 0:
            return name
        return f"0, 0, {name}.size, {name}.itemsize, {name}.data.ptr, *{name}.shape, *{name}.strides"

    def accepts(self, argument: Any, working: str) -> bool:
        """Whether ``argument`` is an array of this kind; numbers are converted, and fit or not."""
        return self.ndim == 0 or (
            argument.ndim == self.ndim
            and argument.dtype == np.dtype(self.element or working)
            and bool(argument.flags.c_contiguous)
        )


if TYPE_CHECKING:
    # One by one: of several names in one assignment none is the name of a type.
    Float = Any
    Double = Any
    Int = Any
    Long = Any
    Address = Any
    Word = Any
    Floats = Any
    Matrix = Any
    Cube = Any
    Maps = Any
    Doubles = Any
    DoubleMatrix = Any
    DoubleCube = Any
    Ints = Any
    IntMatrix = Any
    IntMaps = Any
    Longs = Any
    LongMatrix = Any
    LongMaps = Any
    Bytes = Any
    ByteMatrix = Any
    ByteMaps = Any
else:
    Float, Double = Parameter(None, 0), Parameter("float64", 0)
    Int, Long, Address = Parameter("int32", 0), Parameter("int64", 0), Parameter("uint64", 0)
    Word = Address
    Floats, Matrix, Cube, Maps = (Parameter(None, ndim) for ndim in (1, 2, 3, 4))
    Doubles, DoubleMatrix, DoubleCube = (Parameter("float64", ndim) for ndim in (1, 2, 3))
    Ints, IntMatrix, IntMaps = (Parameter("int32", ndim) for ndim in (1, 2, 4))
    Longs, LongMatrix, LongMaps = (Parameter("int64", ndim) for ndim in (1, 2, 4))
    Bytes, ByteMatrix, ByteMaps = (Parameter("uint8", ndim) for ndim in (1, 2, 4))
