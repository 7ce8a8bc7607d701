"""Convolution of images: three operations, each the derivative of the other two.

With  h = i stride + r dilation - padding,  w = j stride + s dilation - padding  (pixels outside the image count as 0),
and c running over the channels of k's group:

    y[n,k,i,j]  = bias[k] + sum over c,r,s of weight[k,c,r,s] x[n,c,h,w]         Convolution2d
    dx[n,c,h,w] = sum over k and all (i,r), (j,s) that meet at h, w
                  of weight[k,c,r,s] dy[n,k,i,j]                                 ConvolutionInputGradient
    dweight[k,c,r,s] = sum over n,i,j of dy[n,k,i,j] x[n,c,h,w]                  ConvolutionWeightGradient
    dbias[k]    = sum over n,i,j of dy[n,k,i,j]                                  ChannelSum

All three are one trilinear form  <dy, conv(x, weight)>  with one of its arguments left open. So the derivative of each
with respect to either operand is again one of them, and derivatives of any order need nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.images import on_batch, padding_pair, positive_pair, require_floating, window_positions
from tinyconv.ops.padding import zero_pad2d

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class _Windowed(Operation):
    """The geometry that the three operations share: (vertical, horizontal) each."""

    def __init__(self, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @property
    def geometry(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups


class Convolution2d(_Windowed):
    """y = conv(x, weight) + bias."""

    kind = "conv"
    input_size: Pair
    kernel_size: Pair

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        self.input_size, self.kernel_size = x.shape[2:], weight.shape[2:]
        return backend(self.device).conv2d(x, weight, bias, *self.geometry)

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        needs = self.needs_input_gradient
        dx = ConvolutionInputGradient(self.input_size, *self.geometry).apply(dy, weight) if needs[0] else None
        dweight = ConvolutionWeightGradient(self.kernel_size, *self.geometry).apply(x, dy) if needs[1] else None
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, ChannelSum().apply(dy) if needs[2] else None


class ConvolutionInputGradient(_Windowed):
    """dx from dy and weight. The size of x is stated: with a stride, several sizes give the same dy."""

    def __init__(self, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.input_size = input_size

    def forward(self, dy: Any, weight: Any) -> Any:
        self.retain_factors()
        self.kernel_size = weight.shape[2:]
        return backend(self.device).conv2d_input_gradient(dy, weight, self.input_size, *self.geometry)

    def backward(self, cotangent: Tensor) -> Any:  # of dx: shaped like x
        dy, weight = self.retained()
        needs = self.needs_input_gradient
        return (
            Convolution2d(*self.geometry).apply(cotangent, weight) if needs[0] else None,
            ConvolutionWeightGradient(self.kernel_size, *self.geometry).apply(cotangent, dy) if needs[1] else None,
        )


class ConvolutionWeightGradient(_Windowed):
    """dweight from x and dy. The kernel's size is stated: with a stride, several sizes give the same dy."""

    def __init__(self, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.kernel_size = kernel_size

    def forward(self, x: Any, dy: Any) -> Any:
        self.retain_factors()
        self.input_size = x.shape[2:]
        return backend(self.device).conv2d_weight_gradient(x, dy, self.kernel_size, *self.geometry)

    def backward(self, cotangent: Tensor) -> Any:  # of dweight: shaped like the weight
        x, dy = self.retained()
        needs = self.needs_input_gradient
        return (
            ConvolutionInputGradient(self.input_size, *self.geometry).apply(dy, cotangent) if needs[0] else None,
            Convolution2d(*self.geometry).apply(x, cotangent) if needs[1] else None,
        )


class ChannelSum(Operation):
    """s[c] = sum over n,i,j of x[n,c,i,j], in a fixed order;  dx repeats ds over every pixel."""

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return backend(self.device).channel_sum(x)

    def backward(self, ds: Tensor) -> Any:
        return ChannelRepeat(self.source).apply(ds)


class ChannelRepeat(Operation):
    """y[n,c,i,j] = s[c];  ds sums dy over each channel."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, s: Any) -> Any:
        result = layout.empty(self.shape, s.dtype, self.xp)
        result[...] = s[:, None, None]
        return result

    def backward(self, dy: Tensor) -> Any:
        return ChannelSum().apply(dy)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate images (N, C, H, W), or one (C, H, W), with ``weight`` (K, C / groups, R, S); add ``bias`` (K,).

    The result is (N, K, H', W') with  H' = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1,  W' likewise.
    ``stride``, ``padding``, ``dilation``: a number, or (vertical, horizontal). ``padding="valid"`` is none;
    ``"same"`` keeps the size, for stride 1; where an odd number of zeros is needed the extra one goes to the bottom or
    right. ``groups``: channels are split into so many groups that are convolved independently.
    float32 or float64, the same for all. Raises ``ShapeError``, ``ArgumentError``, ``DTypeError``.
    """
    require_floating("conv2d", input=input, weight=weight, bias=bias)
    if len(weight.shape) != 4:
        raise ShapeError(f"conv2d: weight must have shape (K, C / groups, R, S), got {weight.shape}")
    if min(weight.shape) < 1:
        raise ShapeError(f"conv2d: weight of shape {weight.shape} has no elements")
    steps = positive_pair("conv2d", "stride", stride)
    gaps = positive_pair("conv2d", "dilation", dilation)
    kernel_size = weight.shape[2:]
    margins = _margins(padding, kernel_size, steps, gaps)
    _check_channels(input, weight, bias, groups)

    def convolve(images: Tensor) -> Tensor:
        (top, bottom), (left, right) = margins
        symmetric = (min(top, bottom), min(left, right))
        images = zero_pad2d(images, (0, right - symmetric[1], 0, bottom - symmetric[0]))
        window_positions("conv2d", images.shape[2:], kernel_size, steps, symmetric, gaps)  # type: ignore[arg-type]
        operands = (images, weight) if bias is None else (images, weight, bias)
        result: Tensor = Convolution2d(steps, symmetric, gaps, groups).apply(*operands)
        return result

    result: Tensor = on_batch("conv2d", input, convolve)
    return result


def _margins(padding: Any, kernel_size: tuple[int, ...], stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """How many zeros are added at (top, bottom) and (left, right); the second is never the smaller."""
    if not isinstance(padding, str):
        vertical, horizontal = padding_pair("conv2d", padding)
        return (vertical, vertical), (horizontal, horizontal)
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ArgumentError(f"conv2d: padding is a number, a pair, 'same' or 'valid', got {padding!r}")
    if stride != (1, 1):
        raise ArgumentError(
            f"conv2d: padding='same' keeps the size of the input, which a stride of {stride} cannot; "
            "state the padding as a number"
        )
    total = [gap * (kernel - 1) for gap, kernel in zip(dilation, kernel_size, strict=True)]
    return (total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2)


def _check_channels(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if len(input.shape) not in (3, 4):
        return  # on_batch says what is wrong with that
    channels, (filters, per_group) = input.shape[-3], weight.shape[:2]
    if not isinstance(groups, int) or groups < 1:
        raise ArgumentError(f"conv2d: groups must be a whole number and at least 1, got {groups}")
    if channels % groups or filters % groups:
        raise ShapeError(
            f"conv2d: groups must divide the channels of input and output: {channels} and {filters} channels, "
            f"groups={groups} (input {input.shape}, weight {weight.shape})"
        )
    if channels != per_group * groups:
        raise ShapeError(
            f"conv2d: input has {channels} channels, but weight {weight.shape} with groups={groups} is made for "
            f"weight.shape[1] * groups = {per_group * groups} (input {input.shape} is read as "
            f"{'(N, C, H, W)' if len(input.shape) == 4 else '(C, H, W)'})"
        )
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"conv2d: bias must have one element per filter, shape ({filters},), got {bias.shape}")
