"""What the scattering operations ask of their values before they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.devices import array_module
from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import constant, is_number, normalize_dim
from tinyconv.ops.indexing.index_tensors import check_fits, checked, grid
from tinyconv.ops.indexing.indexing import get_item
from tinyconv.ops.indexing.positions import Index
from tinyconv.ops.shape.shape import ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def scattered(name: str, input: Tensor, dim: int, index: Any, src: Any) -> tuple[Index, Any]:
    """Where the values go, and as many of them as the index has; a number stands for all."""
    if is_number(src):
        values = constant(src, input.dtype, input.device)
    elif isinstance(src, TensorBase):
        values = same_type(name, input, src)
    else:
        raise DTypeError(f"{name}: src is a {type(src).__name__}; a tensor or a number can be scattered")
    dim = normalize_dim(name, dim, input.ndim)
    array = checked(name, index, dim, input)
    check_fits(name, array.shape, input.shape, dim, "the tensor")
    if not is_number(src) and not array.size:
        values = reshape(ravel(values)[:0], array.shape)
    elif not is_number(src):
        check_fits(name, array.shape, values.shape, -1, "src")
        if values.shape != array.shape and array.ndim and values.ndim:
            values = get_item(values, tuple(slice(size) for size in array.shape))
    if array.ndim == input.ndim:
        return (grid(array_module(input.device), array, dim) if array.ndim else Index((...,))), values
    # A vector of one beside a tensor without dimensions, or the other way round.
    if input.ndim == 0:
        return Index((None, ...), (array,), False), values
    return Index((...,), (array.reshape(1),), False), values if is_number(src) else reshape(values, (1,))


def same_type(name: str, input: Tensor, values: Any) -> Any:
    if values.dtype is not input.dtype:
        raise DTypeError(
            f"{name}: values of {values.dtype.name} do not go into a tensor of {input.dtype.name}; use .to()"
        )
    return values


def tensor_values(name: str, values: Any) -> Any:
    if not isinstance(values, TensorBase):
        raise DTypeError(f"{name}: the values must be a tensor, got {type(values).__name__}")
    return values
