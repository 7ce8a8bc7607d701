"""Making tensors: from data, from a rule, at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout, random
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.core.random import Generator
from tinyconv.ops.dispatch import wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

AnyDevice = Device | str | None


def tensor(data: Any, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False) -> Tensor:
    """A tensor that holds a copy of ``data``: numbers, nested lists, an array, or a tensor.

    Python floats become float32, ints int64; arrays keep their type. 4-D data are stored channels-last.
    """
    array = data.array if isinstance(data, TensorBase) else _array(data)
    if dtype is None:
        dtype = dtypes.from_numpy(array.dtype)
    target = Device(device or "cpu")
    result = layout.empty(array.shape, dtype.numpy, array_module(target))
    result[...] = array
    return _wrap(result, target, requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: AnyDevice = None) -> Tensor:
    """``data`` as a tensor, sharing memory where type and device allow it."""
    if isinstance(data, TensorBase):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared.to(device=device, dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array: Any) -> Tensor:
    """A tensor over the memory of a NumPy array. Writes through the array are not seen by version counters."""
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: expects a NumPy array, got {type(array).__name__}; use tensor()")
    dtypes.from_numpy(array.dtype)
    return _wrap(array, CPU, False)


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of shape ``size`` that holds one number everywhere."""
    dtype = dtype or dtypes.of_number(fill_value)
    target = Device(device or "cpu")
    array = layout.full(tuple(size), fill_value, dtype.numpy, array_module(target))
    return _wrap(array, target, requires_grad)


def zeros(*size: Any, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False) -> Tensor:
    """Zeros; float32 by default."""
    target = Device(device or "cpu")
    array = layout.zeros(_shape(size), (dtype or dtypes.float32).numpy, array_module(target))
    return _wrap(array, target, requires_grad)


def ones(*size: Any, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False) -> Tensor:
    """Ones; float32 by default."""
    return full(_shape(size), 1, dtype=dtype or dtypes.float32, device=device, requires_grad=requires_grad)


def empty(*size: Any, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False) -> Tensor:
    """Uninitialised memory; float32 by default."""
    target = Device(device or "cpu")
    array = layout.empty(_shape(size), (dtype or dtypes.float32).numpy, array_module(target))
    return _wrap(array, target, requires_grad)


def zeros_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, type and device of ``input``."""
    return zeros(input.shape, dtype=dtype or input.dtype, device=input.device, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, type and device of ``input``."""
    return ones(input.shape, dtype=dtype or input.dtype, device=input.device, requires_grad=requires_grad)


def full_like(input: Tensor, fill_value: Any, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """One number everywhere, in the shape, type and device of ``input``."""
    dtype = dtype or input.dtype
    return full(input.shape, fill_value, dtype=dtype, device=input.device, requires_grad=requires_grad)


def empty_like(input: Tensor, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    """Uninitialised memory in the shape, type and device of ``input``."""
    return empty(input.shape, dtype=dtype or input.dtype, device=input.device, requires_grad=requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: DType | None = None) -> Tensor:
    """start, start + step, ... up to but without ``end``. int64 for ints, float32 otherwise."""
    if end is None:
        start, end = 0, start
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(f"arange: step {step} does not lead from {start} to {end}")
    dtype = dtype or dtypes.result_type([], [], [start, end, step])
    return _wrap(np.arange(start, end, step).astype(dtype.numpy), CPU, False)


def linspace(start: float, end: float, steps: int, *, dtype: DType | None = None) -> Tensor:
    """``steps`` equally spaced numbers, both ends included."""
    return _wrap(np.linspace(start, end, steps).astype((dtype or dtypes.float32).numpy), CPU, False)


def eye(n: int, m: int | None = None, *, dtype: DType | None = None) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    return _wrap(np.eye(n, m, dtype=(dtype or dtypes.float32).numpy), CPU, False)


def randn(
    *size: Any, generator: Generator | None = None, dtype: DType | None = None, requires_grad: bool = False
) -> Tensor:
    """Standard normal numbers."""
    numbers = random.normal(_shape(size), (dtype or dtypes.float32).numpy, generator)
    return _wrap(layout.ordered(numbers), CPU, requires_grad)


def rand(
    *size: Any, generator: Generator | None = None, dtype: DType | None = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1)."""
    numbers = random.uniform(_shape(size), (dtype or dtypes.float32).numpy, generator)
    return _wrap(layout.ordered(numbers), CPU, requires_grad)


def randn_like(input: Tensor) -> Tensor:
    """Standard normal numbers in the shape and type of ``input``."""
    return randn(input.shape, dtype=input.dtype)


def rand_like(input: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) in the shape and type of ``input``."""
    return rand(input.shape, dtype=input.dtype)


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """int64 numbers from ``low`` (0 if left out) to ``high`` - 1."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ArgumentError(f"randint: high must be above low, got low={low}, high={high}")
    source = (generator or random.default_generator).draw()
    return _wrap(layout.ordered(source.integers(low, high, _shape((size,)))), CPU, False)


def randperm(n: int, *, generator: Generator | None = None) -> Tensor:
    """The numbers 0 to ``n`` - 1 in random order."""
    return _wrap((generator or random.default_generator).draw().permutation(n), CPU, False)


def _wrap(array: Any, device: Device, requires_grad: bool) -> Tensor:
    result = wrap(array, device)
    if requires_grad:
        result.requires_grad = True
    return result


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], Sequence):
        size = tuple(size[0])
    if any(not isinstance(number, int | np.integer) or number < 0 for number in size):
        raise ArgumentError(f"a shape consists of sizes >= 0, got {size}")
    return tuple(int(number) for number in size)


def _array(data: Any) -> Any:
    if isinstance(data, Sequence) and any(isinstance(item, TensorBase) for item in data):
        data = [item.array if isinstance(item, TensorBase) else item for item in data]
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ArgumentError(f"tensor: the data do not form an array: {error}") from None
    if isinstance(data, np.ndarray | np.generic):
        return array
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype.kind in "iub" or array.dtype == np.float32:
        return array
    raise DTypeError(f"tensor: cannot make a tensor of {type(data).__name__} data that NumPy reads as {array.dtype}")
