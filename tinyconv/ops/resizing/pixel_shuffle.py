"""Channels become pixels, and back: the layers of sub-pixel convolution, and the shuffle between groups of channels."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class PixelShuffle(Operation):
    """y[.., c, h r + i, w r + j] = x[.., c r^2 + i r + j, h, w];  dx puts the pixels of dy back into channels."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        r, (*batch, c, h, w) = self.factor, x.shape
        result = layout.empty((*batch, c // r**2, h * r, w * r), x.dtype, self.xp)
        source = x.reshape(*batch, c // r**2, r, r, h, w)
        for i in range(r):
            for j in range(r):
                result[..., i::r, j::r] = source[..., i, j, :, :]
        return result

    def backward(self, dy: Tensor) -> Any:
        return PixelUnshuffle(self.factor).apply(dy)


class PixelUnshuffle(Operation):
    """y[.., c r^2 + i r + j, h, w] = x[.., c, h r + i, w r + j];  dx shuffles dy."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def forward(self, x: Any) -> Any:
        r, (*batch, c, h, w) = self.factor, x.shape
        result = layout.empty((*batch, c * r**2, h // r, w // r), x.dtype, self.xp)
        for i in range(r):
            for j in range(r):
                result[..., i * r + j :: r**2, :, :] = x[..., i::r, j::r]
        return result

    def backward(self, dy: Tensor) -> Any:
        return PixelShuffle(self.factor).apply(dy)


class ChannelShuffle(Operation):
    """y[n, p g + q] = x[n, q (C / g) + p] for g groups;  dx shuffles dy with C / g groups."""

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, x: Any) -> Any:
        self.channels = x.shape[1]
        result = layout.empty(x.shape, x.dtype, self.xp)
        each = self.channels // self.groups
        for group in range(self.groups):
            result[:, group :: self.groups] = x[:, group * each : (group + 1) * each]
        return result

    def backward(self, dy: Tensor) -> Any:
        return ChannelShuffle(max(self.channels // self.groups, 1)).apply(dy)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Images r times as large, from r^2 times as many channels: each pixel's channels become a square of pixels.

    ``upscale_factor``: r. A convolution before it makes a learnt upsampling.

    Shape: input (..., C r^2, H, W); result (..., C, H r, W r).
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for channels that are no multiple of r^2; ``ArgumentError`` for r below 1.
    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
        neural network", 2016, equation 4.

    >>> F.pixel_shuffle(tc.tensor([[[1]], [[2]], [[3]], [[4]]]), 2)
    tensor([[[1, 2],
             [3, 4]]])
    """
    r = _count("pixel_shuffle", "upscale_factor", upscale_factor)
    _check_dimensions("pixel_shuffle", input)
    if input.shape[-3] % r**2:
        raise ShapeError(
            f"pixel_shuffle: the channels of input {input.shape} must be a multiple of upscale_factor^2 = {r**2}, got "
            f"{input.shape[-3]}"
        )
    return PixelShuffle(r).apply(input)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Images r times as small, with r^2 times as many channels: each square of pixels becomes one pixel's channels.

    ``downscale_factor``: r. It undoes ``pixel_shuffle``.

    Shape: input (..., C, H r, W r); result (..., C r^2, H, W).
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for a height or width that is no multiple of r; ``ArgumentError`` for r below 1.

    >>> F.pixel_unshuffle(tc.tensor([[[1, 2], [3, 4]]]), 2)
    tensor([[[1]],
    <BLANKLINE>
            [[2]],
    <BLANKLINE>
            [[3]],
    <BLANKLINE>
            [[4]]])
    """
    r = _count("pixel_unshuffle", "downscale_factor", downscale_factor)
    _check_dimensions("pixel_unshuffle", input)
    if input.shape[-2] % r or input.shape[-1] % r:
        raise ShapeError(
            f"pixel_unshuffle: height and width of input {input.shape} must be multiples of downscale_factor={r}"
        )
    return PixelUnshuffle(r).apply(input)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of ``groups`` groups in turn: the first of each, then the second of each, and so on.

    After a grouped convolution, each group of the next one then sees channels of all groups.

    Shape: input (N, C, ...) with at least one dimension after the channels; result the same.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for channels that are no multiple of the groups; ``ArgumentError`` for groups below 1.
    Source: Zhang et al., "ShuffleNet: An extremely efficient convolutional neural network for mobile devices", 2018,
        section 3.1.

    >>> F.channel_shuffle(tc.arange(6).reshape(1, 6, 1), 2).flatten()
    tensor([0, 3, 1, 4, 2, 5])
    """
    count = _count("channel_shuffle", "groups", groups)
    _check_dimensions("channel_shuffle", input)
    if input.shape[1] % count:
        raise ShapeError(f"channel_shuffle: groups={count} does not divide the channels of input {input.shape}")
    return ChannelShuffle(count).apply(input)


def _count(name: str, argument: str, value: Any) -> int:
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ArgumentError(f"{name}: {argument} must be an int of at least 1, got {value!r}")
    return number


def _check_dimensions(name: str, input: Tensor) -> None:
    if len(input.shape) < 3:
        form = "(N, C, ...) with dimensions after the channels" if name == "channel_shuffle" else "(..., C, H, W)"
        raise ShapeError(f"{name}: input must have shape {form}, got {input.shape}")
