"""Layers that exchange channels for pixels, or channels with each other."""

from __future__ import annotations

from tinyconv.nn.arguments import positive
from tinyconv.nn.module import Module
from tinyconv.ops.resizing.pixel_shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from tinyconv.ops.tensor import Tensor


class PixelShuffle(Module):
    """Images r times as large, from r² times as many channels: see ``functional.pixel_shuffle``.

    Shape: input (..., C r², H, W) for ``upscale_factor`` r; result (..., C, H r, W r).
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for r below 1; on a call ``ShapeError`` for channels that are no multiple of r².
    Source: Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
        neural network", 2016, equation 4.

    >>> nn.PixelShuffle(2)(tc.zeros(1, 12, 8, 8)).shape
    (1, 3, 16, 16)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = positive(upscale_factor, "PixelShuffle: upscale_factor")

    def forward(self, input: Tensor) -> Tensor:
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Images r times as small, with r² times as many channels: see ``functional.pixel_unshuffle``.

    Shape: input (..., C, H r, W r) for ``downscale_factor`` r; result (..., C r², H, W).
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for r below 1; on a call ``ShapeError`` for a height or width that is no multiple of r.

    >>> nn.PixelUnshuffle(2)(tc.zeros(1, 3, 16, 16)).shape
    (1, 12, 8, 8)
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = positive(downscale_factor, "PixelUnshuffle: downscale_factor")

    def forward(self, input: Tensor) -> Tensor:
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels of several groups in turn: see ``functional.channel_shuffle``.

    Shape: input (N, C, ...) with at least one dimension after the channels; result the same.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for groups below 1; on a call ``ShapeError`` for channels that are no multiple of them.
    Source: Zhang et al., "ShuffleNet: An extremely efficient convolutional neural network for mobile devices", 2018,
        section 3.1.

    >>> nn.ChannelShuffle(2)(tc.arange(4).reshape(1, 4, 1, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = positive(groups, "ChannelShuffle: groups")

    def forward(self, input: Tensor) -> Tensor:
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
