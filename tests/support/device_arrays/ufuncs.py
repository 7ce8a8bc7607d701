"""Functions of one element: CuPy's types, keywords and order, NumPy's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from device_arrays.array import FACTS, SCALARS, DeviceArray

KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 2}
ATOMIC = (np.int32, np.uint32, np.uint64)
"""The types that may meet by atomic operations: CuPy's know no int64, and of fractions the order would not be fixed."""


class Ufunc:
    """One of CuPy's ufuncs, called and asked for ``at``, ``reduce`` and ``accumulate`` as there."""

    def __init__(self, name: str) -> None:
        facts = FACTS["ufuncs"][name]
        self.__name__ = name
        self.nin: int = facts["nin"]
        # "E" is bfloat16, which NumPy does not have.
        self.types = [tuple(types.split("->")) for types in facts["types"].split() if "E" not in types]
        self.nout = len(self.types[0][1])
        self.of_at, self.reduces = facts["at"], facts["reduces"]
        self.numpy = getattr(np, name)

    def __repr__(self) -> str:
        return f"<ufunc {self.__name__!r} of the stand-in>"

    def __call__(
        self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind", **others: Any
    ) -> Any:
        if others:
            raise TypeError(f"Wrong arguments {others}")
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(f"Wrong number of arguments for {self.__name__!r}")
        inputs, given = args[: self.nin], args[self.nin :]
        if out is not None:
            if given:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            given = out if isinstance(out, tuple) else (out,)
        for value in inputs:
            if not isinstance(value, (DeviceArray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(value)}")
        for value in given:
            if not isinstance(value, DeviceArray | None):
                raise TypeError(f"Unsupported type {type(value)}")
        in_types, out_types = self._types(inputs, None if dtype is None else np.dtype(dtype))
        with np.errstate(all="ignore"):
            operands = [_cast(value, kind) for value, kind in zip(inputs, in_types, strict=True)]
            found = self.numpy(*operands)
        found = found if isinstance(found, tuple) else (found,)
        given = given or (None,) * self.nout
        results = tuple(self._stored(*each, casting) for each in zip(found, out_types, given, strict=True))
        return results[0] if self.nout == 1 else results

    def _types(self, inputs: tuple[Any, ...], dtype: np.dtype[Any] | None) -> tuple[str, str]:
        """The types of operands and results: the first that fit, where a Python number fits any type of its kind."""
        if dtype is not None:
            for in_types, out_types in self.types:
                if all(np.dtype(char) == dtype for char in out_types):
                    return in_types, out_types
            raise TypeError(f"Wrong type ({dtype}) of arguments for {self.__name__}")
        weak = [type(value) if type(value) in (bool, int, float) else None for value in inputs]
        strong = [
            np.dtype(type(value)) if of is not None else value.dtype for value, of in zip(inputs, weak, strict=True)
        ]
        scores = [KINDS[kind.kind] for kind in strong]
        of_weak = [score for score, of in zip(scores, weak, strict=True) if of is not None]
        of_strong = [score for score, of in zip(scores, weak, strict=True) if of is None]
        if not (of_weak and of_strong and max(of_strong) >= max(of_weak)):
            weak = [None] * len(inputs)
        for in_types, out_types in self.types:
            if all(map(_fits, strong, weak, map(np.dtype, in_types))):
                return in_types, out_types
        raise TypeError(f"Wrong type ({strong}) of arguments for {self.__name__}")

    def _stored(self, found: Any, kind: str, out: DeviceArray | None, casting: str) -> DeviceArray:
        """A fresh result has C order, whatever the operands have."""
        with np.errstate(all="ignore"):
            if out is None:
                return DeviceArray(np.array(found, np.dtype(kind), order="C"))
            if not np.can_cast(np.dtype(kind), out.dtype, casting):
                raise TypeError(f"output (typecode {kind!r}) could not be coerced to {out.dtype} by {casting!r}")
            if np.broadcast_shapes(np.shape(found), out.shape) != out.shape:
                raise ValueError(f"non-broadcastable output operand with shape {out.shape}")
            out.simulated[...] = found
        return out

    # --- what else a ufunc can do -----------------------------------------------------------------------------------

    def at(self, a: DeviceArray, indices: Any, b: Any = None) -> None:
        if self.of_at is None:
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        if a.dtype.type not in ATOMIC:
            raise TypeError(f"scatter_{self.of_at} does not support {a.dtype} as data type")
        from device_arrays.indexing import host_index

        place, _ = host_index(a, indices)
        if isinstance(b, np.ndarray):
            raise TypeError(f"Unsupported type {type(b)}")
        self.numpy.at(a.simulated, place, b.simulated if isinstance(b, DeviceArray) else b)

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        if not self.reduces:
            raise NotImplementedError(f"`{self.__name__}.reduce` is not supported yet")
        method = array.sum if self.__name__ == "add" else array.prod
        return method(axis, dtype, out, keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if not self.reduces:
            raise NotImplementedError(f"`{self.__name__}.accumulate` is not supported yet")
        method = array.cumsum if self.__name__ == "add" else array.cumprod
        return method(axis, dtype, out)


def _fits(given: np.dtype[Any], weak: type | None, wanted: np.dtype[Any]) -> bool:
    if np.can_cast(given, wanted):
        return True
    try:
        return weak is not None and np.result_type(weak(0), wanted) == wanted
    except TypeError:
        return False


def _cast(value: Any, kind: str) -> Any:
    if isinstance(value, DeviceArray):
        return value.simulated.astype(np.dtype(kind), copy=False)
    return np.asarray(value).astype(np.dtype(kind))
