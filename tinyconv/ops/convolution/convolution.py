"""Convolution of images, signals and volumes: three operations, each the derivative of the other two.

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
take either. For volumes (N, C, D, H, W) there is one more index, as in ``backends.reference.volumes``, and the same
three operations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Sizes
from tinyconv.ops.activation.rectifier import ReluGradient
from tinyconv.ops.images import as_images, like
from tinyconv.ops.resizing.padding import ConstantPad

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Windowed(Operation):
    """The geometry that the three operations share: (vertical, horizontal) each, for volumes the depth before them."""

    def __init__(self, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> None:
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @property
    def name(self) -> str:
        """Of images and signals "...2d", of volumes "...3d"."""
        return type(self).__name__.replace("2d", self._suffix)

    @property
    def geometry(self) -> tuple[Sizes, Sizes, Sizes, int]:
        return self.stride, self.padding, self.dilation, self.groups

    @property
    def _suffix(self) -> str:
        return f"{len(self.stride)}d"

    def product(self, part: str = "") -> Any:
        """The backend's function: conv2d, or conv3d for volumes; or that for a ``part`` of its gradient."""
        return getattr(backend(self.device), f"conv{self._suffix}{part}")


class Convolution2d(Windowed):
    """y = conv(x, weight) + bias; with ``relu`` max(y, 0), in the same pass over memory."""

    kind = "conv"
    memo_of = 1
    relu = False
    input_size: Sizes
    kernel_size: Sizes

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        if self.relu:
            self.retain_output()
        images, kernels = as_images(x), as_images(weight)
        self.input_size, self.kernel_size = images.shape[2:], kernels.shape[2:]
        rectified = {"relu": True} if self.relu else {}
        y = self.product()(images, kernels, bias, *self.geometry, memo=self.memo, **rectified)
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

    kernel_size: Sizes

    def __init__(self, input_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.input_size = input_size

    def forward(self, dy: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_factors()
        images, kernels = as_images(dy), as_images(weight)
        self.kernel_size, self.output_size = kernels.shape[2:], dy.shape[2:]
        dx = self.product("_input_gradient")(images, kernels, self.input_size, *self.geometry, bias)
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

    def __init__(self, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> None:
        super().__init__(stride, padding, dilation, groups)
        self.kernel_size = kernel_size

    def forward(self, x: Any, dy: Any) -> Any:
        self.retain_factors()
        images, cotangents = as_images(x), as_images(dy)
        self.input_size, self.output_size = images.shape[2:], dy.shape[2:]
        dweight = self.product("_weight_gradient")(images, cotangents, self.kernel_size, *self.geometry)
        # Weights are small, and optimisers take them and their gradients in one order.
        return layout.ordered(like(dweight, x), self.xp)

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
    """s[c] = sum over n and all pixels of x[n,c], in a fixed order;  dx repeats ds over every pixel."""

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        pixels = x if x.ndim == 4 else x.reshape(*x.shape[:2], 1, math.prod(x.shape[2:]))
        return backend(self.device).channel_sum(pixels)

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
