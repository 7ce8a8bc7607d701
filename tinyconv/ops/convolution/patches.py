"""Patches: the pixels under each window of a sliding kernel, side by side ("im2col"), and back.

With  h = i stride + r dilation - padding  and w likewise, and L the window positions (i, j) row by row:

    y[n, (c,r,s), (i,j)] = x[n,c,h,w]   (0 outside)                                         Unfold
    x[n,c,h,w] = the sum of y[n, (c,r,s), (i,j)] over all (r,s), (i,j) that meet at h, w    Fold

Each is the other's transpose, so each is the other's derivative. A convolution is a matrix product with patches; the
kernels of the backends do without them, because they take R S times the memory of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.core.geometry import output_size
from tinyconv.ops.images import on_batch, padding_pair, positive_pair, require_floating, window_positions
from tinyconv.ops.shape.shape import squeeze, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Patches(Operation):
    """The geometry of sliding windows over images of one size."""

    def __init__(self, size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
        self.size, self.kernel_size, self.stride, self.padding = size, kernel_size, stride, padding
        self.dilation = dilation

    @property
    def geometry(self) -> tuple[Pair, Pair, Pair, Pair, Pair]:
        return self.size, self.kernel_size, self.stride, self.padding, self.dilation

    @property
    def positions(self) -> Pair:
        """How many windows there are, (vertical, horizontal)."""
        rows, columns = (output_size(*axis) for axis in zip(*self.geometry, strict=True))
        return rows, columns

    def taps(self) -> Iterator[tuple[Pair, tuple[slice, slice], tuple[slice, slice]]]:
        """For each pixel (r, s) of the kernel: the windows in which it lies inside the image, and its pixels there."""
        rows, columns = ([*self._axis(axis)] for axis in (0, 1))
        for r, (windows_down, pixels_down) in enumerate(rows):
            for s, (windows_across, pixels_across) in enumerate(columns):
                yield (r, s), (windows_down, windows_across), (pixels_down, pixels_across)

    def _axis(self, axis: int) -> Iterator[tuple[slice, slice]]:
        stride, size = self.stride[axis], self.size[axis]
        for tap in range(self.kernel_size[axis]):
            offset = tap * self.dilation[axis] - self.padding[axis]
            first = max(0, -(offset // stride))  # the least i with i stride + offset >= 0
            end = max(first, min(self.positions[axis], (size - 1 - offset) // stride + 1))
            start = first * stride + offset
            yield slice(first, end), slice(start, start + (end - first) * stride, stride)


class Unfold(Patches):
    """y[n, (c,r,s), (i,j)] = x[n,c,h,w];  dx folds dy."""

    def forward(self, x: Any) -> Any:
        n, c = x.shape[:2]
        kernel, positions = self.kernel_size, self.positions
        result = layout.zeros((n, c, *kernel, *positions), x.dtype, self.xp)
        for (r, s), (down, across), pixels in self.taps():
            result[:, :, r, s, down, across] = x[(..., *pixels)]
        return result.reshape(n, c * kernel[0] * kernel[1], positions[0] * positions[1])

    def backward(self, dy: Tensor) -> Any:
        return Fold(*self.geometry).apply(dy)


class Fold(Patches):
    """x[n,c,h,w] = the sum of y over the patches that hold the pixel;  dy unfolds dx. Sums run over (r, s) in order."""

    def forward(self, y: Any) -> Any:
        n, rows = y.shape[:2]
        kernel, positions = self.kernel_size, self.positions
        c = rows // (kernel[0] * kernel[1])
        patches = y.reshape(n, c, *kernel, *positions)
        result = layout.zeros((n, c, *self.size), y.dtype, self.xp)
        for (r, s), (down, across), pixels in self.taps():
            result[(..., *pixels)] += patches[:, :, r, s, down, across]
        return result

    def backward(self, dx: Tensor) -> Any:
        return Unfold(*self.geometry).apply(dx)


def unfold(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    dilation: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    stride: int | tuple[int, int] = 1,
) -> Tensor:
    """The patch under each window of images, as a column: a convolution is the product of its weight with them.

    Columns are in the order of the windows, row by row; their rows in the order of ``weight.reshape(K, -1)``. Pixels
    of the padding are 0. Sizes are numbers, or (vertical, horizontal).

    Shape: input (N, C, H, W) or (C, H, W); result (N, C R S, L) or (C R S, L) for a kernel (R, S) with L windows.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for a kernel larger than the padded image; ``ArgumentError`` for sizes that are none;
        ``DTypeError``.

    >>> F.unfold(tc.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), (2, 2))
    tensor([[1., 2.],
            [2., 3.],
            [4., 5.],
            [5., 6.]])
    """
    kernel, steps = positive_pair("unfold", "kernel_size", kernel_size), positive_pair("unfold", "stride", stride)
    margins, gaps = padding_pair("unfold", padding), positive_pair("unfold", "dilation", dilation)

    def take(images: Tensor) -> Any:
        if min(images.shape[1:]) < 1:
            raise ShapeError(f"unfold: input of shape {input.shape} has no pixels; only the batch may be empty")
        height, width = images.shape[2:]
        window_positions("unfold", (height, width), kernel, steps, margins, gaps)
        return Unfold((height, width), kernel, steps, margins, gaps).apply(images)

    result: Tensor = on_batch("unfold", input, take)
    return result


def fold(
    input: Tensor,
    output_size: int | tuple[int, int],
    kernel_size: int | tuple[int, int],
    dilation: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    stride: int | tuple[int, int] = 1,
) -> Tensor:
    """Images of ``output_size``, as the sum of the patches that ``unfold`` would take from them.

    A pixel is the sum over all patches that hold it, so ``fold(unfold(x))`` is x times the number of windows over each
    pixel. Sizes are numbers, or (vertical, horizontal).

    Shape: input (N, C R S, L) or (C R S, L) for a kernel (R, S) with L windows; result (N, C, H, W) or (C, H, W).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` where the rows are no multiple of R S, or the columns not as many as windows;
        ``ArgumentError`` for sizes that are none; ``DTypeError``.

    >>> ones = F.unfold(tc.ones(1, 2, 3), (2, 2))
    >>> F.fold(ones, (2, 3), (2, 2))
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    size, kernel = positive_pair("fold", "output_size", output_size), positive_pair("fold", "kernel_size", kernel_size)
    margins, gaps = padding_pair("fold", padding), positive_pair("fold", "dilation", dilation)
    steps = positive_pair("fold", "stride", stride)
    require_floating("fold", input=input)
    if len(input.shape) not in (2, 3) or min(input.shape[-2:]) < 1:
        raise ShapeError(
            f"fold: input must be patches of shape (N, C R S, L), or (C R S, L) for one image, got shape {input.shape}"
        )
    rows, columns = window_positions("fold", size, kernel, steps, margins, gaps)
    if input.shape[-2] % (kernel[0] * kernel[1]):
        raise ShapeError(
            f"fold: the rows of patches are C R S, a multiple of {kernel[0]} * {kernel[1]} for kernel_size {kernel}, "
            f"got {input.shape[-2]} (input {input.shape})"
        )
    if input.shape[-1] != rows * columns:
        raise ShapeError(
            f"fold: an image of {size} has {rows} * {columns} = {rows * columns} windows of kernel_size {kernel}, "
            f"stride {steps}, padding {margins}, dilation {gaps}, but there are {input.shape[-1]} columns of patches "
            f"(input {input.shape})"
        )
    operation = Fold(size, kernel, steps, margins, gaps)
    if len(input.shape) == 3:
        images: Tensor = operation.apply(input)
        return images
    return squeeze(operation.apply(unsqueeze(input, 0)), 0)
