"""Tensors made by a rule: evenly spaced numbers, the identity, indices of triangles."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.ops.creation.new_arrays import AnyDevice, finished
from tinyconv.ops.dispatch import is_number

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to but without ``end``; of one argument, from 0 up to it.

    Shape: ((end - start) / step,), rounded up.
    Dtype: ``dtype``, by default int64 if all arguments are whole numbers, else float32.
    Raises: ``ArgumentError`` for a step that does not lead from ``start`` to ``end``, ``DTypeError`` for bool.

    >>> tc.arange(2, 8, 2)
    tensor([2, 4, 6])
    """
    if end is None:
        start, end = 0, start
    numbers = [_number("arange", value) for value in (start, end, step)]
    dtype = dtype or (dtypes.int64 if all(isinstance(value, int) for value in numbers) else dtypes.float32)
    if dtype is dtypes.bool_:
        raise DTypeError("arange: bool has no sequence of numbers")
    if not all(math.isfinite(value) for value in numbers):
        raise ArgumentError(f"arange: start, end and step must be finite, got {start}, {end}, {step}")
    if not dtype.is_floating_point:
        numbers = [int(value) for value in numbers]
    first, last, by = numbers
    if by == 0 or (last - first) * by < 0:
        raise ArgumentError(f"arange: step {step} does not lead from {start} to {end}")
    count = math.ceil((last - first) / by) if dtype.is_floating_point else -(-(last - first) // by)
    return finished((first + np.arange(count) * by).astype(dtype.numpy), Device(device or "cpu"), requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` equally spaced numbers, both ends included.

    Shape: (steps,).
    Dtype: ``dtype``, by default float32; integers lose their fractions.
    Raises: ``ArgumentError`` for a negative number of steps, ``DTypeError`` for bool.

    >>> tc.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    numbers = _spaced("linspace", start, end, steps)
    return finished(_typed("linspace", numbers, dtype), Device(device or "cpu"), requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the power of ``steps`` equally spaced numbers from ``start`` to ``end``.

    Shape: (steps,).
    Dtype: ``dtype``, by default float32; integers lose their fractions.
    Raises: ``ArgumentError`` for a negative number of steps, ``DTypeError`` for bool.

    >>> tc.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    with np.errstate(all="ignore"):
        numbers = np.power(float(_number("logspace", base)), _spaced("logspace", start, end, steps))
    return finished(_typed("logspace", numbers, dtype), Device(device or "cpu"), requires_grad)


def _spaced(name: str, start: Any, end: Any, steps: Any) -> Any:
    first, last, count = float(_number(name, start)), float(_number(name, end)), _whole(name, "steps", steps)
    if count < 2:
        return np.full(count, first)
    step = (last - first) / (count - 1)
    places = np.arange(count)
    # From both ends, so that the last number is exactly the end.
    return np.where(places < count // 2, first + step * places, last - step * (count - 1 - places))


def _typed(name: str, numbers: Any, dtype: DType | None) -> Any:
    dtypes.require(name, dtype)
    if dtype is dtypes.bool_:
        raise DTypeError(f"{name}: bool has no sequence of numbers")
    with np.errstate(all="ignore"):
        return numbers.astype((dtype or dtypes.float32).numpy)


def _number(name: str, value: Any) -> Any:
    if isinstance(value, TensorBase) and value.array.size == 1:
        return value.array.item()
    if not is_number(value):
        raise DTypeError(f"{name}: takes numbers, got {type(value).__name__}")
    return value.item() if isinstance(value, np.generic) else value


def _whole(name: str, what: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{name}: {what} is a whole number, got {value!r}") from None
    if number < 0:
        raise ArgumentError(f"{name}: {what} is 0 or more, got {number}")
    return number


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere.

    Shape: (n, m), with m equal to n by default.
    Dtype: ``dtype``, by default float32.
    Raises: ``ArgumentError`` for a negative size.

    >>> tc.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = _whole("eye", "n", n), None if m is None else _whole("eye", "m", m)
    array = np.eye(rows, columns, dtype=(dtype or dtypes.float32).numpy)
    return finished(array, Device(device or "cpu"), requires_grad)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = dtypes.int64, device: AnyDevice = "cpu"
) -> Tensor:
    """The positions on and below a diagonal of a matrix of ``row`` rows and ``col`` columns, row by row.

    Shape: (2, number of them): row numbers, then column numbers.
    Dtype: int64 or int32, as ``dtype`` says.
    Raises: ``ArgumentError`` for a negative size.

    >>> tc.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", np.tril, row, col, offset, dtype, device)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: DType = dtypes.int64, device: AnyDevice = "cpu"
) -> Tensor:
    """The positions on and above a diagonal of a matrix of ``row`` rows and ``col`` columns, row by row.

    Shape: (2, number of them): row numbers, then column numbers.
    Dtype: int64 or int32, as ``dtype`` says.
    Raises: ``ArgumentError`` for a negative size.

    >>> tc.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _triangle("triu_indices", np.triu, row, col, offset, dtype, device)


def _triangle(name: str, part: Any, row: Any, col: Any, offset: int, dtype: DType, device: AnyDevice) -> Tensor:
    if dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f"{name}: positions are int64 or int32, not {dtype.name}")
    matrix = np.ones((_whole(name, "row", row), _whole(name, "col", col)), np.bool_)
    found = np.stack(np.nonzero(part(matrix, offset)))
    return finished(found.astype(dtype.numpy), Device(device or "cpu"), False)
