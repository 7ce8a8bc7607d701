"""The array: NumPy's, behind the interface of ``cupy.ndarray``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from device_arrays.facts import load
from device_arrays.indexing import host_index
from device_arrays.waiting import wait

FACTS = load()
SCALARS = (bool, int, float, complex, np.generic)


class Flags:
    """What CuPy's flags tell; there is no ``writeable`` among it."""

    def __init__(self, array: DeviceArray) -> None:
        self.c_contiguous = array.simulated.flags.c_contiguous
        self.f_contiguous = array.simulated.flags.f_contiguous
        self.owndata = array.base is None
        self.fnc = self.f_contiguous and not self.c_contiguous
        self.forc = self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())


class DeviceArray:
    """Memory of the device. ``simulated``: a NumPy array over it; ``base``: the array that this one is a view of."""

    __slots__ = ("__weakref__", "base", "simulated")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    place = staticmethod(lambda array: array)
    """Where the memory of a new array is: a virtual GPU has a memory of its own, into which it copies."""

    def __init__(self, simulated: np.ndarray, base: DeviceArray | None = None) -> None:
        if simulated.dtype.kind not in "biufc":
            raise ValueError(f"Unsupported dtype {simulated.dtype}")
        self.simulated = self.place(simulated)
        self.base = base

    # --- what NumPy asks for ----------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        from device_arrays.module import xp

        if "out" in keywords:
            if len(keywords["out"]) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            keywords["out"] = keywords["out"][0]
        if method != "__call__" or not hasattr(xp, ufunc.__name__):
            return NotImplemented
        for value in inputs:
            if not isinstance(value, (DeviceArray, np.ndarray, *SCALARS)):
                return NotImplemented
        return getattr(xp, ufunc.__name__)(*inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        from device_arrays.module import xp

        name = ".".join([*function.__module__.split(".")[1:], function.__name__])
        if any(not issubclass(kind, DeviceArray | np.ndarray) for kind in types):
            return NotImplemented
        try:
            own = xp.find(name)
        except AttributeError:
            return NotImplemented
        return own(*args, **keywords)

    # --- attributes -------------------------------------------------------------------------------------------------

    shape = property(lambda self: self.simulated.shape, lambda self, value: setattr(self.simulated, "shape", value))
    strides = property(lambda self: self.simulated.strides)
    dtype = property(lambda self: self.simulated.dtype)
    ndim = property(lambda self: self.simulated.ndim)
    size = property(lambda self: self.simulated.size)
    itemsize = property(lambda self: self.simulated.itemsize)
    nbytes = property(lambda self: self.simulated.nbytes)
    flags = property(Flags)

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.simulated.__array_interface__["data"][0], device_id=0)

    @property
    def T(self) -> DeviceArray:
        return self if self.ndim < 2 else self.view_of(self.simulated.T)

    def view_of(self, simulated: np.ndarray) -> DeviceArray:
        """An array over a part of this one's memory."""
        return DeviceArray(simulated, self if self.base is None else self.base)

    # --- to the host ------------------------------------------------------------------------------------------------

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        wait("get()")
        if out is not None:
            if out.shape != self.shape or out.dtype != self.dtype:
                raise ValueError("Shape or type mismatch")
            out[...] = self.simulated
            return out
        if order == "A":
            order = "F" if self.flags.f_contiguous else "C"
        return self.simulated.copy(order)

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype or arr.shape != self.shape:
            raise ValueError("Shape or type mismatch")
        if not self.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        self.simulated[...] = arr

    def item(self) -> Any:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        wait("item()")
        return self.simulated.item()

    def tolist(self) -> Any:
        wait("tolist()")
        return self.simulated.tolist()

    def tobytes(self, order: str = "C") -> bytes:
        wait("tobytes()")
        return self.simulated.tobytes(order)

    def __bool__(self) -> bool:
        wait("bool()")
        return bool(self.simulated)

    def __int__(self) -> int:
        wait("int()")
        return int(self.simulated)

    def __float__(self) -> float:
        wait("float()")
        return float(self.simulated)

    def __complex__(self) -> complex:
        wait("complex()")
        return complex(self.simulated)

    def __repr__(self) -> str:
        wait("repr()")
        return repr(self.simulated)

    def __str__(self) -> str:
        wait("str()")
        return str(self.simulated)

    def __format__(self, specification: str) -> str:
        wait("format()")
        return format(self.simulated if self.ndim else self.simulated[()], specification)

    # --- elements ---------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[position] for position in range(self.shape[0]))

    def __getitem__(self, index: Any) -> DeviceArray:
        place, is_advanced = host_index(self, index)
        found = self.simulated[place]
        if is_advanced:
            return DeviceArray(np.array(found, order="C"))
        # NumPy's scalar would be a copy: an array without dimensions is a view.
        return self.view_of(found if isinstance(found, np.ndarray) else self.simulated[(*place, ...)])

    def __setitem__(self, index: Any, value: Any) -> None:
        place, _ = host_index(self, index)
        if not isinstance(value, (DeviceArray, *SCALARS)):
            raise TypeError(f"Unsupported type {type(value)}")
        source = value.simulated if isinstance(value, DeviceArray) else value
        with np.errstate(all="ignore"):
            self.simulated[place] = source

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            raise TypeError("a fill with an array of the host")
        if isinstance(value, DeviceArray):
            wait("fill() with an array")
            value = value.simulated
        self.simulated.fill(value)

    def scatter_add(self, slices: Any, value: Any) -> None:
        from device_arrays.module import xp

        xp.add.at(self, slices, value)

    def __copy__(self) -> DeviceArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return self.copy()


def _binary(name: str, ufunc: str) -> None:
    """The operator ``name``, in its three forms. What is neither an array nor a number is asked for its own."""

    def operate(self: DeviceArray, other: Any, reverse: bool) -> Any:
        from device_arrays.module import xp

        if not isinstance(other, DeviceArray):
            if getattr(other, "__array_ufunc__", False) is None:
                return NotImplemented
            function = getattr(np, ufunc)  # which asks __array_ufunc__ of both
            return function(other, self) if reverse else function(self, other)
        return getattr(xp, ufunc)(other, self) if reverse else getattr(xp, ufunc)(self, other)

    def in_place(self: DeviceArray, other: Any) -> DeviceArray:
        from device_arrays.module import xp

        return getattr(xp, ufunc)(self, other, self)

    setattr(DeviceArray, f"__{name}__", lambda self, other: operate(self, other, False))
    if name not in ("lt", "le", "eq", "ne", "gt", "ge"):
        setattr(DeviceArray, f"__r{name}__", lambda self, other: operate(self, other, True))
        if name not in ("matmul", "divmod"):
            setattr(DeviceArray, f"__i{name}__", in_place)


for _name, _ufunc in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "power", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift", "divmod": "divmod",
    "lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal", "gt": "greater", "ge": "greater_equal",
}.items():  # fmt: skip
    _binary(_name, _ufunc)


def _unary(name: str, ufunc: str) -> None:
    def operate(self: DeviceArray) -> Any:
        from device_arrays.module import xp

        return getattr(xp, ufunc)(self)

    setattr(DeviceArray, f"__{name}__", operate)


for _name, _ufunc in {"neg": "negative", "abs": "absolute", "invert": "invert", "pos": "positive"}.items():
    _unary(_name, _ufunc)
