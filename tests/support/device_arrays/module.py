"""The module: CuPy's functions with CuPy's arguments, computed by NumPy's functions of the same names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from device_arrays.array import FACTS, SCALARS, DeviceArray
from device_arrays.ufuncs import Ufunc
from device_arrays.waiting import wait

MAKES = {
    "arange", "empty", "eye", "full", "identity", "indices", "linspace", "logspace", "ones", "tri", "zeros",
}  # fmt: skip
"""Functions that take no array."""

TAKES_SEVERAL = {"concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "lexsort", "einsum"}
"""Functions of a sequence of arrays."""

WAITS = {
    "argwhere", "bincount", "compress", "extract", "flatnonzero", "nonzero", "unique", "trim_zeros", "histogram",
    "array2string", "array_repr", "array_str", "place", "digitize",
}  # fmt: skip
"""Functions whose result has a shape that depends on the numbers, so that the host waits for them."""

KEEPS_ORDER = {"astype", "copy", "empty_like", "full_like", "ones_like", "zeros_like", "asfortranarray"}
"""Results of all others are in C order, or views."""

OF_HOST = {"ndim", "shape", "size", "result_type", "can_cast", "isscalar", "may_share_memory", "shares_memory"}
"""Functions that answer without the device."""


def signature(arguments: str) -> inspect.Signature:
    return inspect.signature(eval(f"lambda {arguments}: None"))


def of_host(value: Any, name: str) -> Any:
    """``value`` for NumPy's function: device arrays as what they stand for; an array of the host is refused."""
    if isinstance(value, DeviceArray):
        return value.simulated
    if isinstance(value, np.ndarray):
        raise TypeError(f"{name}: Unsupported type {type(value)}")
    if isinstance(value, list | tuple):
        return type(value)(of_host(item, name) for item in value)
    return value


def of_device(found: Any, sources: list[DeviceArray], keeps_order: bool) -> Any:
    """What NumPy found, as an array of the device: a source itself, a view of one, or a fresh array in C order."""
    if isinstance(found, list | tuple):
        return type(found)(of_device(item, sources, keeps_order) for item in found)
    if isinstance(found, np.generic):
        found = np.asarray(found)
    if not isinstance(found, np.ndarray):
        return found
    for source in sources:
        if source.simulated is found:
            return source
    for source in sources:
        if found.size and np.may_share_memory(source.simulated, found) and found.base is not None:
            with suppress(ValueError):
                found.flags.writeable = True  # CuPy's views all are
            return source.view_of(found)
    return DeviceArray(found if keeps_order else np.array(found, order="C"))


def devices_in(values: Any) -> list[DeviceArray]:
    if isinstance(values, DeviceArray):
        return [values]
    if isinstance(values, list | tuple):
        return [array for value in values for array in devices_in(value)]
    return []


def computed(name: str, numpy_function: Callable[..., Any], args: Any, keywords: dict[str, Any]) -> Any:
    sources = devices_in([*args, *keywords.values()])
    if name.rpartition(".")[2] in WAITS:
        wait(f"{name}()")
    plain = [of_host(value, name) for value in args], {key: of_host(value, name) for key, value in keywords.items()}
    with np.errstate(all="ignore"):
        found = numpy_function(*plain[0], **plain[1])
    if name in OF_HOST:
        return found
    return of_device(found, sources, name in KEEPS_ORDER)


class Function:
    """One of CuPy's functions. What CuPy's signature does not take raises ``TypeError``."""

    def __init__(self, name: str, arguments: str) -> None:
        self.__name__ = name
        self.signature = signature(arguments)
        self.numpy = np
        for part in name.split("."):
            self.numpy = getattr(self.numpy, part)

    def __repr__(self) -> str:
        return f"<function {self.__name__} of the stand-in>"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        bound = self.signature.bind(*args, **keywords)
        short = self.__name__.rpartition(".")[2]
        first = next(iter(bound.args), None)
        is_number_beside = isinstance(first, SCALARS) and any(isinstance(value, DeviceArray) for value in bound.args)
        if short not in MAKES | TAKES_SEVERAL | OF_HOST and not isinstance(first, DeviceArray) and not is_number_beside:
            raise TypeError(f"{self.__name__}: takes arrays of the device, got {type(first)}")
        return computed(self.__name__, self.numpy, args, keywords)


class Special:
    """Functions that are not NumPy's with checked arguments."""

    @staticmethod
    def array(obj: Any, dtype: Any = None, copy: Any = True, order: Any = "K", subok: Any = False, ndmin: int = 0,
              *, blocking: bool = False) -> DeviceArray:  # fmt: skip
        if isinstance(obj, DeviceArray):
            kind = obj.dtype if dtype is None else np.dtype(dtype)
            is_same = kind == obj.dtype and ndmin <= obj.ndim and not (order == "C" and not obj.flags.c_contiguous)
            if not copy and is_same:
                return obj
            with np.errstate(all="ignore"):
                return DeviceArray(np.array(obj.simulated, kind, order=order, ndmin=ndmin))
        if found := devices_in(obj):
            if len(found) != len(obj):
                raise TypeError("a list of arrays of the device and of others")
            return DeviceArray(np.array([part.simulated for part in obj], dtype))
        # Of an array of the host only the order C or F survives.
        found = np.array(obj, dtype, ndmin=ndmin)
        keeps = order in ("K", "A", None) and found.flags.f_contiguous
        return DeviceArray(np.array(found, order="F" if keeps or order == "F" else "C"))

    @staticmethod
    def asarray(
        a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False
    ) -> DeviceArray:
        return Special.array(a, dtype, bool(copy), order or "K")

    asanyarray = asarray

    @staticmethod
    def ascontiguousarray(a: Any, dtype: Any = None) -> DeviceArray:
        found = Special.array(a, dtype, False, "C")
        return found if found.ndim else found.reshape(1)

    @staticmethod
    def empty(shape: Any, dtype: Any = float, order: str = "C") -> DeviceArray:
        """Whoever reads what was not written reads NaN."""
        array = np.empty(shape, dtype, order)
        array.fill(np.nan if array.dtype.kind == "f" else 77 if array.dtype.kind in "iu" else True)
        return DeviceArray(array)

    @staticmethod
    def where(condition: Any, x: Any = None, y: Any = None) -> Any:
        if not isinstance(condition, DeviceArray):
            raise TypeError(f"{type(condition)} has no attribute 'astype'")
        if x is None and y is None:
            return condition.nonzero()
        for value in (x, y):
            if not isinstance(value, (DeviceArray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
        return computed("where", np.where, (condition, x, y), {})

    @staticmethod
    def copyto(dst: DeviceArray, src: Any, casting: str = "same_kind", where: Any = None) -> None:
        if not isinstance(dst, DeviceArray) or isinstance(where, np.ndarray):
            raise TypeError("copyto: takes arrays of the device")
        with np.errstate(all="ignore"):
            mask = True if where is None else of_host(where, "copyto")
            np.copyto(dst.simulated, of_host(src, "copyto"), casting, where=mask)

    @staticmethod
    def take(a: DeviceArray, indices: Any, axis: Any = None, out: Any = None) -> DeviceArray:
        return a.take(indices, axis, out)

    @staticmethod
    def take_along_axis(a: DeviceArray, indices: Any, axis: Any) -> DeviceArray:
        return computed("take_along_axis", np.take_along_axis, (a, indices, axis), {})

    @staticmethod
    def put_along_axis(arr: DeviceArray, indices: Any, values: Any, axis: Any) -> None:
        computed("put_along_axis", np.put_along_axis, (arr, indices, values, axis), {})

    @staticmethod
    def argmax(
        a: DeviceArray, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> DeviceArray:
        return a.argmax(axis, out, dtype, keepdims)

    @staticmethod
    def argmin(
        a: DeviceArray, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> DeviceArray:
        return a.argmin(axis, out, dtype, keepdims)

    @staticmethod
    def sort(a: DeviceArray, axis: Any = -1, kind: Any = None) -> DeviceArray:
        _stable(kind, a)
        return DeviceArray(np.sort(a.simulated, axis, kind="stable"))

    @staticmethod
    def argsort(a: DeviceArray, axis: Any = -1, kind: Any = None) -> DeviceArray:
        _stable(kind, a)
        return DeviceArray(np.ascontiguousarray(np.argsort(a.simulated, axis, kind="stable")))

    @staticmethod
    def searchsorted(a: DeviceArray, v: Any, side: str = "left", sorter: Any = None) -> DeviceArray:
        if not isinstance(a, DeviceArray) or not isinstance(v, DeviceArray | int | float):
            raise NotImplementedError("Only python scalars or ndarrays are supported for v")
        return computed("searchsorted", np.searchsorted, (a, v, side, sorter), {})

    @staticmethod
    def bincount(x: DeviceArray, weights: Any = None, minlength: Any = None) -> DeviceArray:
        wait("bincount()")
        return computed("bincount", np.bincount, (x, weights, minlength or 0), {})


def _stable(kind: Any, a: DeviceArray) -> None:
    if kind not in (None, "stable"):
        raise ValueError(f"kind can only be None or 'stable', got {kind!r}")
    if not isinstance(a, DeviceArray):
        raise TypeError(f"{type(a)} is no array of the device")
    if not a.ndim:
        raise ValueError("Sorting arrays with the rank of zero is not supported")


class Module:
    """``xp``: what CuPy does not have raises ``AttributeError``."""

    __name__ = "device_arrays"
    ndarray = DeviceArray

    def __init__(self, space: str = "") -> None:
        self._space = space
        self._found: dict[str, Any] = {}

    def find(self, name: str) -> Any:
        """The function ``name``, also in a module below this one."""
        found: Any = self
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._found:
            self._found[name] = self._make(f"{self._space}.{name}".removeprefix("."))
        return self._found[name]

    def _make(self, name: str) -> Any:
        if name in FACTS["of_numpy"]:
            return getattr(np, name)
        if name in FACTS["ufuncs"]:
            return Ufunc(name)
        if name in FACTS["functions"]:
            return getattr(Special, name, None) or Function(name, FACTS["functions"][name])
        if any(other.startswith(name + ".") for other in FACTS["functions"]):
            return Module(name)
        raise AttributeError(f"CuPy has no {name}, or the stand-in does not know it")


xp: Any = Module()


def _method(name: str, arguments: str) -> Callable[..., Any]:
    own = signature(arguments)

    def method(self: DeviceArray, *args: Any, **keywords: Any) -> Any:
        own.bind(self, *args, **keywords)
        given = dict(own.bind(self, *args, **keywords).arguments)
        del given["self"]
        return METHODS.get(name, _plain)(self, name, args, keywords, given)

    return method


def _plain(self: DeviceArray, name: str, args: Any, keywords: Any, given: Any) -> Any:
    return computed(name, lambda array, *rest, **named: getattr(array, name)(*rest, **named), (self, *args), keywords)


def _take(self: DeviceArray, name: str, args: Any, keywords: Any, given: Any) -> Any:
    """Indices beyond the ends wrap around."""

    def take(array: np.ndarray, indices: Any, axis: Any = None, out: Any = None) -> Any:
        return array.take(indices, axis, out, mode="wrap")

    if not isinstance(given["indices"], DeviceArray | int | np.integer):
        raise TypeError("take: indices of the host, which CuPy would copy to the device at every call")
    return computed(name, take, (self, *args), keywords)


def _extreme(self: DeviceArray, name: str, args: Any, keywords: Any, given: Any) -> Any:
    found = getattr(self.simulated, name)(axis=given.get("axis"), keepdims=given.get("keepdims") or False)
    result = DeviceArray(np.array(found, given.get("dtype") or np.int64))
    if given.get("out") is None:
        return result
    given["out"][...] = result
    return given["out"]


def _astype(self: DeviceArray, name: str, args: Any, keywords: Any, given: Any) -> Any:
    if given.get("casting") is not None or given.get("subok") is not None:
        raise TypeError("casting and subok are not supported yet")
    return _plain(self, name, args, keywords, given)


def _sort(self: DeviceArray, name: str, args: Any, keywords: Any, given: Any) -> Any:
    _stable(given.get("kind"), self)
    if name == "argsort":
        return Special.argsort(self, **{key: value for key, value in given.items() if key == "axis"})
    if not self.flags.c_contiguous:
        raise NotImplementedError("Sorting non-contiguous array is not supported.")
    self.simulated.sort(given.get("axis", -1), kind="stable")
    return None


METHODS: dict[str, Any] = {
    "take": _take, "argmax": _extreme, "argmin": _extreme, "astype": _astype, "sort": _sort, "argsort": _sort,
}  # fmt: skip
for _name, _arguments in FACTS["methods"].items():
    if not hasattr(DeviceArray, _name) and hasattr(np.ndarray, _name):
        setattr(DeviceArray, _name, _method(_name, _arguments))
