"""What every operation on images and signals checks first: dimensions, types, window arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Pair, Sizes
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.geometry import output_size, sizes, window_extent
from tinyconv.ops.shape.shape import contiguous, squeeze, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


THINGS = {1: "signals", 2: "images", 3: "volumes"}
AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
"""What has so many spatial dimensions, and what those are called."""


def on_batch(name: str, input: Tensor, function: Callable[[Tensor], Any], rank: int = 2) -> Any:
    """``function(input)`` for images (N, C, H, W); one image (C, H, W) becomes a batch of one on the way.

    With ``rank=1`` for signals (N, C, L) and one signal (C, L), with ``rank=3`` for volumes (N, C, D, H, W) and one
    volume. Raises ``ShapeError`` for other numbers of dimensions, ``DTypeError`` if the elements are not
    floating-point.
    """
    require_floating(name, input=input)
    if len(input.shape) == rank + 2:
        return function(input)
    if len(input.shape) != rank + 1:
        what, spatial = THINGS[rank], AXES[rank]
        raise ShapeError(
            f"{name}: input must be {what} of shape (N, C, {spatial}), or one {what[:-1]} (C, {spatial}), got shape "
            f"{input.shape}"
        )
    return on_batch_of_one(input, function)


def on_batch_of_one(input: Tensor, function: Callable[[Tensor], Any]) -> Any:
    """``function`` of the batch that consists of ``input``; of each result, its only image."""
    results = function(unsqueeze(input, 0))
    return tuple(map(_unbatched, results)) if isinstance(results, tuple) else _unbatched(results)


def _unbatched(result: Tensor) -> Tensor:
    """The only image of the batch ``result``: no view, unless ``result`` itself is one of what the caller has."""
    image = squeeze(result, 0)
    if image.ndim == 4:
        return contiguous(image)  # (C, D, H, W) lies in memory as four dimensions do, for whatever comes next
    return image if result.is_view else image.own_memory()


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


def as_images(array: Any) -> Any:
    """Signals (N, C, L) as images of one row, and a weight (K, C, S) as one of one row; images, volumes as they are."""
    return array[:, :, None] if array.ndim == 3 else array


def like(array: Any, given: Any) -> Any:
    """Images of one row as signals again, if that is what was ``given``.

    They stay as the kernels store them, channels last, although the engine's order for three dimensions is (N, C, L):
    a normalisation, pooling or convolution that follows takes them without moving an element, and an elementwise
    operation, which writes (N, C, L), reads across the memory instead of this function copying it.
    """
    return array[:, :, 0] if given.ndim == 3 else array


def on_rows(numbers: Sizes, vertical: int) -> Sizes:
    """``numbers`` with (vertical, horizontal) last; those of a signal are horizontal, along its one row."""
    return (vertical, numbers[0]) if len(numbers) == 1 else numbers


def check_weight(name: str, rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, form: str) -> None:
    """Raise unless all are floating-point of one type, ``weight`` of the right ``form``, and nothing lacks pixels."""
    require_floating(name, input=input, weight=weight, bias=bias)
    if len(weight.shape) != rank + 2:
        raise ShapeError(f"{name}: weight must have shape {form}, got {weight.shape}")
    if min(weight.shape) < 1:
        raise ShapeError(f"{name}: weight of shape {weight.shape} has no elements")
    if len(input.shape) > rank and min(input.shape[-rank:]) < 1:
        raise ShapeError(f"{name}: input of shape {input.shape} has no pixels; only the batch may be empty")


def check_groups(name: str, groups: Any) -> None:
    """Raise ``ArgumentError`` unless ``groups`` counts something."""
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"{name}: groups must be a whole number and at least 1, got {groups}")


def positive_sizes(name: str, argument: str, value: Any, rank: int) -> tuple[int, ...]:
    """``value`` as one int for each of ``rank`` spatial dimensions, all at least 1."""
    result = sizes(value, f"{name}: {argument}", rank)
    if min(result) < 1:
        raise ArgumentError(f"{name}: {argument} must be at least 1, got {value}")
    return result


def positive_pair(name: str, argument: str, value: Any) -> Pair:
    """``value`` as (vertical, horizontal), both at least 1."""
    vertical, horizontal = positive_sizes(name, argument, value, 2)
    return vertical, horizontal


def padding_sizes(name: str, value: Any, rank: int) -> tuple[int, ...]:
    """``value`` as one int for each of ``rank`` spatial dimensions, all at least 0."""
    result = sizes(value, f"{name}: padding", rank)
    if min(result) < 0:
        raise ArgumentError(f"{name}: padding must not be negative, got {value}; crop the input by slicing instead")
    return result


def padding_pair(name: str, value: Any) -> Pair:
    """``value`` as (vertical, horizontal), both at least 0."""
    vertical, horizontal = padding_sizes(name, value, 2)
    return vertical, horizontal


def window_positions(
    name: str,
    size: tuple[int, ...],
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """(H, W), (L,) or (D, H, W) of the output. Raises ``ShapeError`` where the window exceeds the padded input."""
    axes = range(len(size))
    positions = tuple(
        output_size(size[axis], kernel_size[axis], stride[axis], padding[axis], dilation[axis]) for axis in axes
    )
    if min(positions) < 1:
        padded = tuple(size[axis] + 2 * padding[axis] for axis in axes)
        extent = tuple(window_extent(kernel_size[axis], dilation[axis]) for axis in axes)
        kernel, gaps, span, length, margins, total = map(_shown, (kernel_size, dilation, extent, size, padding, padded))
        what, axes_of = THINGS[len(size)], AXES[len(size)]
        axis_names = axes_of if len(size) == 1 else f"({axes_of})"
        raise ShapeError(
            f"{name}: kernel_size {kernel} with dilation {gaps} spans dilation (kernel_size - 1) + 1 = "
            f"{span} pixels, more than the padded input: {axis_names} + 2 padding = {length} + 2 * {margins} = "
            f"{total}; use larger {what}, a smaller kernel, or more padding"
        )
    return positions


def _shown(numbers: tuple[int, ...]) -> Any:
    """(3, 3) for images, (3, 3, 3) for volumes, 3 for signals."""
    return numbers[0] if len(numbers) == 1 else numbers
