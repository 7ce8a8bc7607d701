"""Making tensors: from data, and from a rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, exchange, layout
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError, ExchangeError
from tinyconv.ops.creation.new_arrays import AnyDevice, array_of, finished, on_device, requested_shape
from tinyconv.ops.dispatch import constant, is_number, wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def tensor(data: Any, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False) -> Tensor:
    """A tensor that holds a copy of ``data``.

    ``data``: numbers, nested lists, a tensor, a NumPy array, or another library's: PyTorch's, JAX's, CuPy's, a Pillow
    image. 4-D and 5-D data are stored channels-last. ``device``: by default that of a tensor or array, else the CPU.

    Shape: that of the data.
    Dtype: ``dtype``; by default float32 for Python floats, int64 for ints, bool for bools, and the type of an array,
        a tensor or a NumPy number; of several, the promoted one.
    Raises: ``ArgumentError`` for rows of different lengths, ``DTypeError`` for what is no number, or none of ``dtype``.

    >>> tc.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if not isinstance(data, TensorBase) and exchange.is_foreign(data):
        data = _over(*exchange.foreign("tensor", data))
    source = data.device if isinstance(data, TensorBase) else CPU
    return finished(array_of(data, dtype), Device(device or source), requires_grad, source)


def as_tensor(data: Any, *, dtype: DType | None = None, device: AnyDevice = None) -> Tensor:
    """``data`` as a tensor, sharing memory where type and device allow it.

    With a NumPy array, and with another library's that hands its memory over: PyTorch's, JAX's, CuPy's.

    Shape: that of the data.
    Dtype: ``dtype``, or as for ``tensor``.
    Raises: as ``tensor``.

    >>> x = tc.tensor([1.0])
    >>> tc.as_tensor(x) is x
    True
    """
    if isinstance(data, TensorBase):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(device=device, dtype=dtype)
    if exchange.is_foreign(data):
        return _over(*exchange.foreign("as_tensor", data)).to(device=device, dtype=dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array. Writes through the array are not seen by version counters.

    Shape: that of the array.
    Dtype: that of the array.
    Raises: ``DTypeError`` for what is no array, or one of a type that tinyconv does not have.

    >>> tc.from_numpy(np.ones(2))
    tensor([1., 1.], dtype=tinyconv.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"from_numpy: expects a NumPy array, got {type(ndarray).__name__}; use tensor()")
    dtypes.from_numpy(ndarray.dtype)
    return wrap(ndarray, CPU)


def from_dlpack(ext_tensor: Any, *, device: AnyDevice = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's array, handed over by DLPack: of PyTorch, JAX, CuPy, NumPy.

    ``ext_tensor``: anything with ``__dlpack__`` and ``__dlpack_device__``, or a capsule, which can be taken once.
    ``device``: where the tensor is to be, by default where the memory is. ``copy``: True always copies, False never,
    None where the device differs. Writes are seen on both sides, and by no version counter. Memory that its owner calls
    read-only, as JAX does, or that comes from a library too old to say, is not written in place: ``clone()`` it.

    Shape: that of the array.
    Dtype: that of the array.
    Raises: ``ExchangeError`` for memory that its owner does not hand over, or that would have to be copied against
        ``copy=False``; ``DTypeError`` for a type that tinyconv does not have, or no such object; ``DeviceError``.
    Source: DLPack, https://dmlc.github.io/dlpack, version 1.

    >>> array = np.zeros(2)
    >>> _ = tc.from_dlpack(array).add_(1)
    >>> array.tolist()
    [1.0, 1.0]
    """
    if not exchange.is_capsule(ext_tensor) and not hasattr(ext_tensor, "__dlpack__"):
        raise DTypeError(
            f"from_dlpack: a {type(ext_tensor).__name__} has no __dlpack__; as_tensor() takes arrays of other kinds"
        )
    found = _over(*exchange.from_dlpack(ext_tensor))
    target = found.device if device is None else Device(device)
    if copy is False and target != found.device:
        raise ExchangeError(f"from_dlpack: from {found.device} to {target} is a copy, which copy=False forbids")
    return found.to(device=target, copy=bool(copy))


def _over(array: Any, device: Device) -> Tensor:
    dtypes.from_numpy(array.dtype)
    return wrap(array, device)


def full(
    size: Sequence[int],
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor that holds one number everywhere.

    Shape: ``size``.
    Dtype: ``dtype``, by default that of the number.
    Raises: ``DTypeError`` for what is no number or not one of ``dtype``, ``ArgumentError`` for a negative size.

    >>> tc.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    dtypes.require("full", dtype)
    if not isinstance(size, Sequence):
        raise ArgumentError(f"full: size is a tuple of sizes, got {size!r}")
    if isinstance(fill_value, TensorBase) and fill_value.array.size == 1:
        fill_value = fill_value.array.item()
    if not is_number(fill_value):
        raise DTypeError(f"full: fill_value is a number, got {type(fill_value).__name__}")
    dtype = dtype or dtypes.of_number(fill_value)
    target = Device(device or "cpu")
    value = constant(fill_value, dtype, CPU).array
    if dtype.is_floating_point and math.isfinite(fill_value) and not np.isfinite(value):
        raise DTypeError(f"full: {fill_value} is too large for {dtype.name}")
    array = layout.full(requested_shape("full", (size,)), value[()], dtype.numpy, array_module(target))
    return on_device(array, target, requires_grad)


def zeros(
    *sizes: Any, size: Any = None, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Zeros.

    Shape: the sizes, one by one, in a sequence, or as ``size``.
    Dtype: ``dtype``, by default float32.
    Raises: ``ArgumentError`` for sizes that are negative or no whole numbers.

    >>> tc.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    dtypes.require("zeros", dtype)
    target = Device(device or "cpu")
    shape = requested_shape("zeros", sizes, size)
    return on_device(layout.zeros(shape, (dtype or dtypes.float32).numpy, array_module(target)), target, requires_grad)


def ones(
    *sizes: Any, size: Any = None, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Ones.

    Shape: the sizes, one by one, in a sequence, or as ``size``.
    Dtype: ``dtype``, by default float32.
    Raises: ``ArgumentError`` for sizes that are negative or no whole numbers.

    >>> tc.ones(2)
    tensor([1., 1.])
    """
    dtypes.require("ones", dtype)
    target = Device(device or "cpu")
    shape = requested_shape("ones", sizes, size)
    array = layout.full(shape, 1, (dtype or dtypes.float32).numpy, array_module(target))
    return on_device(array, target, requires_grad)


def empty(
    *sizes: Any, size: Any = None, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Uninitialised memory.

    Shape: the sizes, one by one, in a sequence, or as ``size``.
    Dtype: ``dtype``, by default float32.
    Raises: ``ArgumentError`` for sizes that are negative or no whole numbers.

    >>> tc.empty(2, 3).shape
    (2, 3)
    """
    dtypes.require("empty", dtype)
    target = Device(device or "cpu")
    shape = requested_shape("empty", sizes, size)
    return on_device(layout.empty(shape, (dtype or dtypes.float32).numpy, array_module(target)), target, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Zeros in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's.
    Raises: ``DTypeError`` for what is no tensor, or a ``requires_grad`` of integers.

    >>> tc.zeros_like(tc.tensor([1, 2]))
    tensor([0, 0])
    """
    return zeros(**_like("zeros_like", input, dtype, device), requires_grad=requires_grad)


def ones_like(
    input: Tensor, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Ones in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's.
    Raises: ``DTypeError`` for what is no tensor, or a ``requires_grad`` of integers.

    >>> tc.ones_like(tc.tensor([3, 4]))
    tensor([1, 1])
    """
    return ones(**_like("ones_like", input, dtype, device), requires_grad=requires_grad)


def empty_like(
    input: Tensor, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Uninitialised memory in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's.
    Raises: ``DTypeError`` for what is no tensor, or a ``requires_grad`` of integers.

    >>> tc.empty_like(tc.zeros(2, 3)).shape
    (2, 3)
    """
    return empty(**_like("empty_like", input, dtype, device), requires_grad=requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """One number everywhere, in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: any; the result has ``dtype``, by default the input's.
    Raises: ``DTypeError`` for what is no tensor, or a ``requires_grad`` of integers.

    >>> tc.full_like(tc.zeros(2), 7)
    tensor([7., 7.])
    """
    like = _like("full_like", input, dtype, device)
    return full(fill_value=fill_value, requires_grad=requires_grad, **like)


def _like(name: str, input: Any, dtype: DType | None, device: AnyDevice) -> dict[str, Any]:
    if not isinstance(input, TensorBase):
        raise DTypeError(f"{name}: takes a tensor, got {type(input).__name__}")
    return {"size": input.shape, "dtype": dtype or input.dtype, "device": device or input.device}
