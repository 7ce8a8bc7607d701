"""What every operation on images (convolution, pooling) checks first: dimensions, types, window arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.geometry import output_size, pair, window_extent
from tinyconv.ops.shape import squeeze, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def on_batch(name: str, input: Tensor, function: Callable[[Tensor], Any]) -> Any:
    """``function(input)`` for images (N, C, H, W); one image (C, H, W) becomes a batch of one on the way.

    Raises ``ShapeError`` for other numbers of dimensions, ``DTypeError`` if the elements are not floating-point.
    """
    require_floating(name, input=input)
    if len(input.shape) == 4:
        return function(input)
    if len(input.shape) != 3:
        raise ShapeError(
            f"{name}: input must be images of shape (N, C, H, W), or one image (C, H, W), got shape {input.shape}"
        )
    results = function(unsqueeze(input, 0))
    if isinstance(results, tuple):
        return tuple(squeeze(result, 0) for result in results)
    return squeeze(results, 0)


def require_floating(name: str, **tensors: Tensor | None) -> None:
    """Raise ``DTypeError`` unless the tensors, given by their argument names, are floating-point and of one type."""
    first: tuple[str, Tensor] | None = None
    for argument, tensor in tensors.items():
        if tensor is None:
            continue
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"{name}: {argument} must be a tensor, got {type(tensor).__name__}; see tensor()")
        if not tensor.dtype.is_floating_point:
            raise DTypeError(
                f"{name}: {argument} must be float32 or float64, got {tensor.dtype.name}; convert it with .float()"
            )
        if first is None:
            first = argument, tensor
        elif tensor.dtype is not first[1].dtype:
            raise DTypeError(
                f"{name}: {first[0]} is {first[1].dtype.name} but {argument} is {tensor.dtype.name}; "
                "convert one of them with .float() or .double()"
            )


def positive_pair(name: str, argument: str, value: Any) -> Pair:
    """``value`` as (vertical, horizontal), both at least 1."""
    result = pair(value, f"{name}: {argument}")
    if min(result) < 1:
        raise ArgumentError(f"{name}: {argument} must be at least 1, got {value}")
    return result


def padding_pair(name: str, value: Any) -> Pair:
    """``value`` as (vertical, horizontal), both at least 0."""
    result = pair(value, f"{name}: padding")
    if min(result) < 0:
        raise ArgumentError(f"{name}: padding must not be negative, got {value}; crop the input by slicing instead")
    return result


def window_positions(
    name: str, size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool = False
) -> Pair:
    """The output's (H, W). Raises ``ShapeError`` where the window is larger than the padded input."""
    positions = tuple(
        output_size(size[axis], kernel_size[axis], stride[axis], padding[axis], dilation[axis], ceil_mode)
        for axis in (0, 1)
    )
    if min(positions) < 1:
        padded = tuple(size[axis] + 2 * padding[axis] for axis in (0, 1))
        extent = tuple(window_extent(kernel_size[axis], dilation[axis]) for axis in (0, 1))
        raise ShapeError(
            f"{name}: kernel_size {kernel_size} with dilation {dilation} spans dilation (kernel_size - 1) + 1 = "
            f"{extent} pixels, more than the padded input: (H, W) + 2 padding = {size} + 2 * {padding} = {padded}; "
            "use larger images, a smaller kernel, or more padding"
        )
    return positions[0], positions[1]
