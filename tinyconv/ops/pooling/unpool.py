"""Max unpooling: what max pooling took out, put back where it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array, Sizes
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.pooling.maximum import Gather
from tinyconv.ops.pooling.windows import Pooling, map_size, numbers, on_maps

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class MaxUnpool(Pooling):
    """y[n,c].flat[indices[n,c,i,j]] = x[n,c,i,j], 0 elsewhere;  dx gathers dy."""

    kind = "unpool"

    def __init__(self, indices: Array, output_size: Sizes) -> None:
        self.saved, self.output_size = indices, output_size

    def forward(self, x: Any) -> Any:
        planes = _planes(self.images(x), self.xp)
        result = layout.zeros((*x.shape[:2], *self.output_size), x.dtype, self.xp)
        indices = self.saved[:, :, None] if self.saved.ndim == 3 else self.saved
        if x.size:
            # Of several values for one pixel the last stays; overlapping windows give it equal ones.
            self.xp.put_along_axis(_planes(result, self.xp), _planes(indices, self.xp), planes, axis=1)
        return self.maps(result)

    def backward(self, dy: Tensor) -> Any:
        return Gather(self.saved).apply(dy)


def _planes(images: Array, xp: Any) -> Array:
    """(N, C, H, W) as (N, H W, C), volumes likewise, without a copy where the order is the engine's."""
    stored = layout.stored(layout.ordered(images, xp))
    return stored.reshape(stored.shape[0], math.prod(stored.shape[1:-1]), stored.shape[-1])


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int],
    stride: int | tuple[int] | None = None,
    padding: int | tuple[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of ``input`` at the positions ``indices`` of a longer sequence, zeros between them.

    ``indices``: as ``max_pool1d(return_indices=True)`` gives them. ``kernel_size``, ``stride``, ``padding``: the
    pooling's, from which the length follows, L = (L' - 1) stride - 2 padding + kernel_size; where that is not the
    length that was pooled, state it in ``output_size``, (L,) or the whole shape.

    Shape: input and indices (N, C, L') or (C, L'); result (N, C, L).
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ShapeError`` for indices of another shape or beyond the sequence; ``ArgumentError`` for an output_size
        that this pooling cannot come from; ``DTypeError`` for indices that are not int64.

    >>> values, places = F.max_pool1d(tc.tensor([[1.0, 5.0, 7.0, 3.0]]), 2, return_indices=True)
    >>> F.max_unpool1d(values, places, 2)
    tensor([[0., 5., 7., 0.]])
    """
    return _max_unpool("max_unpool1d", 1, input, indices, (kernel_size, stride, padding), output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of ``input`` at the positions ``indices`` of a larger image, zeros between them.

    ``indices``: as ``max_pool2d(return_indices=True)`` gives them, counted row by row within each channel.
    ``kernel_size``, ``stride``, ``padding``: the pooling's, from which the size follows, H = (H' - 1) stride -
    2 padding + kernel_size; where that is not the size that was pooled, state it in ``output_size``, (H, W) or the
    whole shape.

    Shape: input and indices (N, C, H', W') or (C, H', W'); result (N, C, H, W).
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ShapeError`` for indices of another shape or beyond the image; ``ArgumentError`` for an output_size
        that this pooling cannot come from; ``DTypeError`` for indices that are not int64.
    Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.1 (switches).

    >>> values, places = F.max_pool2d(tc.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
    >>> F.max_unpool2d(values, places, 2)
    tensor([[[0., 0.],
             [0., 3.]]])
    """
    return _max_unpool("max_unpool2d", 2, input, indices, (kernel_size, stride, padding), output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | tuple[int, int, int],
    stride: int | tuple[int, int, int] | None = None,
    padding: int | tuple[int, int, int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The values of ``input`` at the positions ``indices`` of a larger volume, zeros between them.

    ``indices``: as ``max_pool3d(return_indices=True)`` gives them, counted plane by plane and row by row within each
    channel. ``kernel_size``, ``stride``, ``padding``: the pooling's, from which the size follows, D = (D' - 1) stride -
    2 padding + kernel_size; where that is not the size that was pooled, state it in ``output_size``, (D, H, W) or the
    whole shape.

    Shape: input and indices (N, C, D', H', W') or (C, D', H', W'); result (N, C, D, H, W).
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ShapeError`` for indices of another shape or beyond the volume; ``ArgumentError`` for an output_size
        that this pooling cannot come from; ``DTypeError`` for indices that are not int64.

    >>> values, places = F.max_pool3d(tc.arange(4.0).reshape(1, 1, 2, 2), (1, 2, 2), return_indices=True)
    >>> F.max_unpool3d(values, places, (1, 2, 2))
    tensor([[[[0., 0.],
              [0., 3.]]]])
    """
    return _max_unpool("max_unpool3d", 3, input, indices, (kernel_size, stride, padding), output_size)


def _max_unpool(
    name: str, directions: int, input: Tensor, indices: Tensor, window: tuple[Any, Any, Any], output_size: Any
) -> Tensor:
    kernel = numbers(name, "kernel_size", window[0], directions, least=1)
    stride = kernel if window[1] is None else numbers(name, "stride", window[1], directions, least=1)
    padding = numbers(name, "padding", window[2], directions, least=0)
    if not isinstance(indices, TensorBase) or indices.dtype is not dtypes.int64:
        found = indices.dtype.name if isinstance(indices, TensorBase) else type(indices).__name__
        raise DTypeError(f"{name}: indices must be an int64 tensor, as max_pool{directions}d gives it, got {found}")

    def unpool(maps: Tensor) -> Any:
        size = map_size(maps, directions)
        axes = zip(size, stride, padding, kernel, strict=True)
        sizes = [(length - 1) * step - 2 * margin + taps for length, step, margin, taps in axes]
        if output_size is not None:
            sizes[-directions:] = _checked_size(name, directions, output_size, sizes, stride)
        if min(sizes) < 1:
            raise ShapeError(
                f"{name}: (size - 1) stride - 2 padding + kernel_size = {tuple(sizes[-directions:])}, which is no "
                f"size for a result; input {tuple(input.shape)}, kernel_size {window[0]}, stride {window[1]}, padding "
                f"{window[2]}"
            )
        places = indices.array if indices.ndim == maps.ndim else indices.array[None]
        pixels = math.prod(sizes)
        if places.size and not 0 <= int(places.min()) <= int(places.max()) < pixels:
            raise ShapeError(
                f"{name}: indices from {int(places.min())} to {int(places.max())} do not all lie within a result of "
                f"{pixels} pixels, {tuple(sizes[-directions:])}; give the size that was pooled as output_size"
            )
        # A copy: what the caller writes into the indices must not reach backward.
        return MaxUnpool(layout.copy(places, array_module(indices.device)), tuple(sizes)).apply(maps)

    if isinstance(input, TensorBase) and tuple(indices.shape) != tuple(input.shape):
        raise ShapeError(
            f"{name}: indices must have the shape of input, one place for each value, {tuple(input.shape)}, got "
            f"{tuple(indices.shape)}"
        )
    result: Tensor = on_maps(name, directions, input, unpool)
    return result


def _checked_size(name: str, directions: int, given: Any, sizes: list[int], stride: Sizes) -> list[int]:
    """The sizes that the caller states: less than a stride from those that follow from the window."""
    wanted = list(given) if isinstance(given, Sequence) else []
    if len(wanted) == directions + 2:
        wanted = wanted[2:]
    if len(wanted) != directions or not all(isinstance(number, int) for number in wanted):
        raise ArgumentError(
            f"{name}: output_size must be {directions} ints, or the whole shape of the result, got {given!r}"
        )
    for number, size, step in zip(wanted, sizes[-directions:], stride[-directions:], strict=True):
        if not size - step < number < size + step:
            raise ArgumentError(
                f"{name}: output_size {tuple(wanted)}: {number} is not between {size - step} and {size + step}, both "
                f"excluded; only such sizes pool to this input with stride {step}"
            )
    return wanted
