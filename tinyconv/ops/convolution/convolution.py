"""Convolution of images and signals: three operations, each the derivative of the other two.

With  h = i stride + r dilation - padding,  w = j stride + s dilation - padding  (pixels outside the image count as 0),
and c running over the channels of k's group:

    y[n,k,i,j]  = bias[k] + sum over c,r,s of weight[k,c,r,s] x[n,c,h,w]         Convolution2d
    dx[n,c,h,w] = sum over k and all (i,r), (j,s) that meet at h, w
                  of weight[k,c,r,s] dy[n,k,i,j]                                 ConvolutionInputGradient
    dweight[k,c,r,s] = sum over n,i,j of dy[n,k,i,j] x[n,c,h,w]                  ConvolutionWeightGradient
    dbias[k]    = sum over n,i,j of dy[n,k,i,j]                                  ChannelSum

All three are one trilinear form  <dy, conv(x, weight)>  with one of its arguments left open. So the derivative of each
with respect to either operand is again one of them, and derivatives of any order need nothing else.

A signal (N, C, L) is an image of one row, (N, C, 1, L), and its weight (K, C, S) a kernel of one row: the operations
take either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.activation.rectifier import ReluGradient
from tinyconv.ops.images import (
    as_images,
    check_groups,
    check_weight,
    like,
    on_batch,
    on_rows,
    padding_sizes,
    positive_sizes,
    window_positions,
)
from tinyconv.ops.resizing.padding import ConstantPad

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Sizes = tuple[int, ...]


class Windowed(Operation):
    """The geometry that the three operations share: (vertical, horizontal) each."""

    def __init__(self, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @property
    def geometry(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups


class Convolution2d(Windowed):
    """y = conv(x, weight) + bias; with ``relu`` max(y, 0), in the same pass over memory."""

    kind = "conv"
    memo_of = 1
    relu = False
    input_size: Pair
    kernel_size: Pair

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        if self.relu:
            self.retain_output()
        images, kernels = as_images(x), as_images(weight)
        self.input_size, self.kernel_size = images.shape[2:], kernels.shape[2:]
        y = backend(self.device).conv2d(images, kernels, bias, *self.geometry, relu=self.relu, memo=self.memo)
        return like(y, x)

    def backward(self, dy: Tensor) -> Any:
        x, weight, *outputs = self.retained()
        for y in outputs:
            dy = ReluGradient().apply(dy, y.detach())
        needs = self.needs_input_gradient
        dx = ConvolutionInputGradient(self.input_size, *self.geometry).apply(dy, weight) if needs[0] else None
        dweight = ConvolutionWeightGradient(self.kernel_size, *self.geometry).apply(x, dy) if needs[1] else None
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, ChannelSum().apply(dy) if needs[2] else None


class ConvolutionInputGradient(Windowed):
    """dx from dy and weight. The size of x is stated: with a stride, several sizes give the same dy.

    Any size will do. Of a larger one a convolution makes more than dy; the trilinear form does not have that part, and
    here it is cut off.
    """

    kernel_size: Pair

    def __init__(self, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.input_size = input_size

    def forward(self, dy: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        images, kernels = as_images(dy), as_images(weight)
        self.kernel_size, self.output_size = kernels.shape[2:], dy.shape[2:]
        dx = backend(self.device).conv2d_input_gradient(images, kernels, self.input_size, *self.geometry, bias)
        return like(dx, dy)

    def backward(self, cotangent: Tensor) -> Any:  # of dx: shaped like x
        dy, weight = self.retained()
        needs = self.needs_input_gradient
        return (
            _cut(Convolution2d(*self.geometry).apply(cotangent, weight), self.output_size) if needs[0] else None,
            ConvolutionWeightGradient(self.kernel_size, *self.geometry).apply(cotangent, dy) if needs[1] else None,
        )


class ConvolutionWeightGradient(Windowed):
    """dweight from x and dy. The kernel's size is stated: with a stride, several sizes give the same dy."""

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.kernel_size = kernel_size

    def forward(self, x: Any, dy: Any) -> Any:
        self.retain_factors()
        images, cotangents = as_images(x), as_images(dy)
        self.input_size, self.output_size = images.shape[2:], dy.shape[2:]
        dweight = backend(self.device).conv2d_weight_gradient(images, cotangents, self.kernel_size, *self.geometry)
        # Weights are small, and optimisers take them and their gradients in one order.
        return dweight if x.ndim == 4 else layout.ordered(like(dweight, x), self.xp)

    def backward(self, cotangent: Tensor) -> Any:  # of dweight: shaped like the weight
        x, dy = self.retained()
        needs = self.needs_input_gradient
        return (
            ConvolutionInputGradient(self.input_size, *self.geometry).apply(dy, cotangent) if needs[0] else None,
            _cut(Convolution2d(*self.geometry).apply(x, cotangent), self.output_size) if needs[1] else None,
        )


def _cut(y: Tensor, size: tuple[int, ...]) -> Tensor:
    """The first rows and columns of ``y``: itself, unless there are more than ``size`` has."""
    if y.shape[2:] == size:
        return y
    beyond = ((0, own - made) for own, made in zip(size, y.shape[2:], strict=True))
    return ConstantPad(((0, 0), (0, 0), *beyond)).apply(y)


class ChannelSum(Operation):
    """s[c] = sum over n,i,j of x[n,c,i,j], in a fixed order;  dx repeats ds over every pixel."""

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return backend(self.device).channel_sum(as_images(x))

    def backward(self, ds: Tensor) -> Any:
        return ChannelRepeat(self.source).apply(ds)


class ChannelRepeat(Operation):
    """y[n,c,i,j] = s[c];  ds sums dy over each channel."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, s: Any) -> Any:
        result = layout.empty(self.shape, s.dtype, self.xp)
        result[...] = s.reshape(-1, *(1,) * (len(self.shape) - 2))
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return ChannelSum().apply(dy)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate signals with ``weight`` (K, C / groups, S); add ``bias`` (K,).

        L' = floor((L + 2 padding - dilation (S - 1) - 1) / stride) + 1

    ``padding="valid"`` is none; ``"same"`` keeps the length, for stride 1; where an odd number of zeros is needed the
    extra one goes to the end. ``groups``: channels are split into so many groups that are convolved independently.

    Shape: input (N, C, L) or (C, L); result (N, K, L') or (K, L').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a kernel longer than the padded signal;
        ``ArgumentError`` for a stride, padding, dilation or groups that is none; ``DTypeError``.

    >>> F.conv1d(tc.tensor([[1.0, 2.0, 4.0, 8.0]]), tc.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate images with ``weight`` (K, C / groups, R, S); add ``bias`` (K,).

        H' = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1,   W' likewise with S

    ``stride``, ``padding``, ``dilation``: a number, or (vertical, horizontal). ``padding="valid"`` is none;
    ``"same"`` keeps the size, for stride 1; where an odd number of zeros is needed the extra one goes to the bottom or
    right. ``groups``: channels are split into so many groups that are convolved independently.

    Shape: input (N, C, H, W) or (C, H, W); result (N, K, H', W') or (K, H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a kernel larger than the padded image;
        ``ArgumentError`` for a stride, padding, dilation or groups that is none; ``DTypeError``.

    >>> edges = tc.tensor([[[[-1.0, 1.0]]]])
    >>> F.conv2d(tc.tensor([[[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]), edges)
    tensor([[[0., 1.],
             [1., 0.]]])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv2d_relu(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    """relu(conv2d(...)) as one operation."""
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups, relu=True)


def _convolve(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    relu: bool = False,
) -> Tensor:
    check_weight(name, rank, input, weight, bias, "(K, C / groups, R, S)" if rank == 2 else "(K, C / groups, S)")
    steps = positive_sizes(name, "stride", stride, rank)
    gaps = positive_sizes(name, "dilation", dilation, rank)
    kernel_size = weight.shape[2:]
    before, after = _margins(name, padding, kernel_size, steps, gaps)
    _check_channels(name, rank, input, weight, bias, groups)

    def convolve(images: Tensor) -> Tensor:
        if before != after:  # the second is never the smaller
            excess = ((0, second - first) for first, second in zip(before, after, strict=True))
            images = ConstantPad(((0, 0), (0, 0), *excess)).apply(images)
        window_positions(name, images.shape[2:], kernel_size, steps, before, gaps)
        operands = (images, weight) if bias is None else (images, weight, bias)
        operation = Convolution2d(on_rows(steps, 1), on_rows(before, 0), on_rows(gaps, 1), groups)
        operation.relu = relu
        result: Tensor = operation.apply(*operands)
        return result

    result: Tensor = on_batch(name, input, convolve, rank)
    return result


def _margins(name: str, padding: Any, kernel_size: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    """How many zeros are added before and after, in each direction; those after are never fewer."""
    if not isinstance(padding, str):
        same = padding_sizes(name, padding, len(kernel_size))
        return same, same
    if padding == "valid":
        none = (0,) * len(kernel_size)
        return none, none
    if padding != "same":
        numbers = "a number" if len(kernel_size) == 1 else "a number, a pair"
        raise ArgumentError(f"{name}: padding is {numbers}, 'same' or 'valid', got {padding!r}")
    if max(stride) > 1:
        raise ArgumentError(
            f"{name}: padding='same' keeps the size of the input, which a stride of {stride} cannot; "
            "state the padding as a number"
        )
    total = [gap * (kernel - 1) for gap, kernel in zip(dilation, kernel_size, strict=True)]
    return tuple(count // 2 for count in total), tuple(count - count // 2 for count in total)


def _check_channels(name: str, rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if len(input.shape) not in (rank + 1, rank + 2):
        return  # on_batch says what is wrong with that
    channels, (filters, per_group) = input.shape[-rank - 1], weight.shape[:2]
    check_groups(name, groups)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"{name}: groups must divide the channels of input and output: {channels} and {filters} channels, "
            f"groups={groups} (input {input.shape}, weight {weight.shape})"
        )
    if channels != per_group * groups:
        spatial = "H, W" if rank == 2 else "L"
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {weight.shape} with groups={groups} is made for "
            f"weight.shape[1] * groups = {per_group * groups} (input {input.shape} is read as "
            f"{f'(N, C, {spatial})' if len(input.shape) == rank + 2 else f'(C, {spatial})'})"
        )
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{name}: bias must have one element per filter, shape ({filters},), got {bias.shape}")
