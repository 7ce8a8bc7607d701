"""Locally connected layers: a convolution whose every output pixel has a weight of its own.

With  h = i stride + r dilation - padding  and w likewise (pixels outside the image count as 0):

    y[n,k,i,j]  = bias[k,i,j] + sum over c,r,s of weight[i,j,k,c,r,s] x[n,c,h,w]              LocallyConnected2d
    dx[n,c,h,w] = sum over k and all (i,r), (j,s) that meet at h, w
                  of weight[i,j,k,c,r,s] dy[n,k,i,j]                                          ..InputGradient
    dweight[i,j,k,c,r,s] = sum over n of dy[n,k,i,j] x[n,c,h,w]                               ..WeightGradient

As with a convolution, each is the derivative of the other two. The products are those of a matrix for each pixel (i,j),
from its patch (c,r,s) to its K outputs. All these matrices are the groups of one grouped convolution with a kernel of
1 x 1, whose channels are the patches side by side and whose pixels are the images of the batch: one launch of a kernel
that is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.ops.convolution.patches import Patches
from tinyconv.ops.images import on_batch, padding_pair, positive_pair, require_floating, window_positions

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

ONE_BY_ONE: tuple[Pair, Pair, Pair] = (1, 1), (0, 0), (1, 1)
"""Stride, padding and dilation of the grouped convolution."""


class _LocallyConnected(Patches):
    """What the three share: between images and the batch as the one row of pixels of a grouped convolution."""

    @property
    def groups(self) -> int:
        return self.positions[0] * self.positions[1]

    def rows_of(self, x: Any) -> Any:
        """The patches of x, as an image (1, i j c r s, 1, N)."""
        n, c = x.shape[:2]
        rows = self.xp.zeros((n, *self.positions, c, *self.kernel_size), x.dtype)
        for (r, s), (down, across), pixels in self.taps():
            rows[:, down, across, :, r, s] = x[(..., *pixels)].transpose(0, 2, 3, 1)
        return layout.nchw(rows.reshape(1, 1, n, self.groups * c * self.kernel_size[0] * self.kernel_size[1]))

    def images_of(self, rows: Any) -> Any:
        """The transpose of that: the sum of the patches that hold each pixel."""
        n, kernel = rows.shape[3], self.kernel_size
        c = rows.shape[1] // (self.groups * kernel[0] * kernel[1])
        patches = layout.nhwc(rows, self.xp).reshape(n, *self.positions, c, *kernel)
        result = layout.zeros((n, c, *self.size), rows.dtype, self.xp)
        for (r, s), (down, across), pixels in self.taps():
            result[(..., *pixels)] += patches[:, down, across, :, r, s].transpose(0, 3, 1, 2)
        return result

    def outputs_of(self, y: Any) -> Any:
        """y (N, K, i, j) as an image (1, i j k, 1, N): channels-last, so without moving an element."""
        return layout.nchw(layout.nhwc(y, self.xp).reshape(1, 1, y.shape[0], self.groups * y.shape[1]))

    def kernels_of(self, weight: Any) -> Any:
        """The weight as that of a grouped convolution, (i j k, c r s, 1, 1)."""
        k, c = weight.shape[2:4]
        return weight.reshape(self.groups * k, c * self.kernel_size[0] * self.kernel_size[1], 1, 1)


class LocallyConnected2d(_LocallyConnected):
    """y = the patch of each pixel times its own weight, plus its own bias."""

    kind = "conv"

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        n, k = x.shape[0], weight.shape[2]
        start = None if bias is None else self.xp.ascontiguousarray(bias.transpose(1, 2, 0)).reshape(-1)
        y = backend(self.device).conv2d(self.rows_of(x), self.kernels_of(weight), start, *ONE_BY_ONE, self.groups)
        return layout.nchw(layout.nhwc(y, self.xp).reshape(n, *self.positions, k))

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        needs = self.needs_input_gradient
        dx = LocallyConnectedInputGradient(*self.geometry).apply(dy, weight) if needs[0] else None
        dweight = LocallyConnectedWeightGradient(*self.geometry).apply(x, dy) if needs[1] else None
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, dy.sum(0) if needs[2] else None


class LocallyConnectedInputGradient(_LocallyConnected):
    """dx from dy and weight."""

    def forward(self, dy: Any, weight: Any) -> Any:
        self.retain_factors()
        pixels = (1, dy.shape[0])
        kernels = self.kernels_of(weight)
        return self.images_of(
            backend(self.device).conv2d_input_gradient(self.outputs_of(dy), kernels, pixels, *ONE_BY_ONE, self.groups)
        )

    def backward(self, cotangent: Tensor) -> Any:  # of dx: shaped like x
        dy, weight = self.retained()
        needs = self.needs_input_gradient
        return (
            LocallyConnected2d(*self.geometry).apply(cotangent, weight) if needs[0] else None,
            LocallyConnectedWeightGradient(*self.geometry).apply(cotangent, dy) if needs[1] else None,
        )


class LocallyConnectedWeightGradient(_LocallyConnected):
    """dweight from x and dy."""

    def forward(self, x: Any, dy: Any) -> Any:
        self.retain_factors()
        dweight = backend(self.device).conv2d_weight_gradient(
            self.rows_of(x), self.outputs_of(dy), (1, 1), *ONE_BY_ONE, self.groups
        )
        return dweight.reshape(*self.positions, dy.shape[1], x.shape[1], *self.kernel_size)

    def backward(self, cotangent: Tensor) -> Any:  # of dweight: shaped like the weight
        x, dy = self.retained()
        needs = self.needs_input_gradient
        return (
            LocallyConnectedInputGradient(*self.geometry).apply(dy, cotangent) if needs[0] else None,
            LocallyConnected2d(*self.geometry).apply(x, cotangent) if needs[1] else None,
        )


def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
) -> Tensor:
    """A convolution in which every output pixel has its own weight: ``weight`` (H', W', K, C, R, S), bias (K, H', W').

        H' = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1,   W' likewise with S

    ``weight[i, j]`` is what ``conv2d`` would be given for pixel (i, j). PyTorch has no such function. ``stride``,
    ``padding``, ``dilation``: a number, or (vertical, horizontal).

    Shape: input (N, C, H, W) or (C, H, W); result (N, K, H', W') or (K, H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for a weight made for images of another size or other channels; ``ArgumentError`` for a
        stride, padding or dilation that is none; ``DTypeError``.
    Source: Taigman et al., "DeepFace: Closing the gap to human-level performance in face verification", 2014,
        section 3.

    >>> weight = tc.tensor([1.0, 10.0, 100.0]).reshape(1, 3, 1, 1, 1, 1)
    >>> F.locally_connected2d(tc.tensor([[[1.0, 2.0, 3.0]]]), weight)
    tensor([[[  1.,  20., 300.]]])
    """
    name = "locally_connected2d"
    require_floating(name, input=input, weight=weight, bias=bias)
    if len(weight.shape) != 6 or min(weight.shape) < 1:
        raise ShapeError(f"{name}: weight must have shape (H', W', K, C, R, S), none of them 0, got {weight.shape}")
    steps, gaps = positive_pair(name, "stride", stride), positive_pair(name, "dilation", dilation)
    margins = padding_pair(name, padding)
    (rows, columns, outputs, channels), kernel = weight.shape[:4], (weight.shape[4], weight.shape[5])
    if bias is not None and bias.shape != (outputs, rows, columns):
        raise ShapeError(
            f"{name}: bias must have one element per output, shape (K, H', W') = {(outputs, rows, columns)}, got "
            f"{bias.shape}"
        )

    def connect(images: Tensor) -> Any:
        size = (images.shape[2], images.shape[3])
        if images.shape[1] != channels:
            raise ShapeError(
                f"{name}: input {input.shape} has {images.shape[1]} channels, but weight {weight.shape} takes "
                f"weight.shape[3] = {channels}"
            )
        positions = window_positions(name, size, kernel, steps, margins, gaps)
        if positions != (rows, columns):
            raise ShapeError(
                f"{name}: images of {size} have {positions} windows of kernel_size {kernel}, stride {steps}, padding "
                f"{margins}, dilation {gaps}, but weight {weight.shape} is made for weight.shape[:2] = "
                f"{(rows, columns)}; every pixel has its own weight, so the size of the images cannot change"
            )
        operation = LocallyConnected2d(size, kernel, steps, margins, gaps)
        return operation.apply(*((images, weight) if bias is None else (images, weight, bias)))

    result: Tensor = on_batch(name, input, connect)
    return result
