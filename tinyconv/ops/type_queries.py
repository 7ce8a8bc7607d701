"""Questions about element types, and about what a value is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.dtypes import DType
from tinyconv.ops.dispatch import common_dtype, require_tensor

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The type of what an operation makes of two tensors or numbers.

    A tensor with dimensions outranks one without, and that a Python number; the lower rank only counts if its category
    (bool < integer < floating point) is higher.

    Raises: ``DTypeError`` for what is neither tensor nor number.

    >>> tc.result_type(tc.tensor([1, 2]), 1.5), tc.result_type(tc.zeros(2), tc.tensor(1.5, dtype=tc.float64))
    (tinyconv.float32, tinyconv.float32)
    """
    return common_dtype("result_type", (tensor1, tensor2))


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor.

    Raises: nothing of its own.

    >>> tc.is_tensor(tc.zeros(2)), tc.is_tensor([0, 0])
    (True, False)
    """
    return isinstance(obj, TensorBase)


def is_floating_point(input: Tensor) -> bool:
    """Whether the type of ``input`` is float32 or float64.

    Shape: any.
    Dtype: any; the result is a Python bool.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.is_floating_point(tc.zeros(2)), tc.is_floating_point(tc.tensor([1]))
    (True, False)
    """
    require_tensor("is_floating_point", input=input)
    return input.dtype.is_floating_point


def numel(input: Tensor) -> int:
    """The number of elements.

    Shape: any.
    Dtype: any; the result is a Python int.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.numel(tc.zeros(2, 3))
    6
    """
    require_tensor("numel", input=input)
    return int(input.array.size)


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0: what ``if x:`` asks.

    Shape: one element.
    Dtype: any; the result is a Python bool.
    Raises: ``ShapeError`` for another number of elements; ``DTypeError`` for what is no tensor.

    >>> tc.is_nonzero(tc.tensor([3]))
    True
    """
    require_tensor("is_nonzero", input=input)
    return bool(input)
