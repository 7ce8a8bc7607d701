"""Convolution layers of volumes, plain and transposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyconv.core.dtypes import DType
from tinyconv.nn.convolution import ConvolutionLayer
from tinyconv.nn.transposed_convolution import TransposedLayer
from tinyconv.ops.convolution.functions import conv3d
from tinyconv.ops.convolution.transposed_convolution import conv_transpose3d
from tinyconv.ops.tensor import Tensor

Triple = int | tuple[int, int, int]


class Conv3d(ConvolutionLayer):
    """3-D convolution (cross-correlation) of volumes.

        D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1,   H' and W' likewise

    ``padding``: voxels on each side, or "valid" (none), or "same" (D' = D; stride 1 only). ``padding_mode``: what is
    there: "zeros", or the volume itself by "reflect", "replicate" or "circular" (see ``functional.pad``). ``groups``:
    input and output channels are split into that many independent convolutions. Sizes are ints or (depth, vertical,
    horizontal). ``weight``: (out_channels, in_channels / groups, *kernel_size); it and ``bias`` start from U(-k, k)
    with k = 1/√(in_channels / groups · kernel volume).

    Shape: input (N, in_channels, D, H, W) or (in_channels, D, H, W); result (N, out_channels, D', H', W') or
        (out_channels, D', H', W').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels, or volumes that are too
        small, and ``DTypeError``.

    >>> layer = nn.Conv3d(3, 8, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 2))
    >>> layer(tc.zeros(1, 3, 4, 16, 16)).shape
    (1, 8, 4, 8, 8)
    """

    rank = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Triple,
        stride: Triple = 1,
        padding: Triple | str = 0,
        dilation: Triple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        stride, padding, dilation = self.stride, self.padding, self.dilation
        if self.padding_mode != "zeros":
            input, padding = self.padded(input), (0, 0, 0)
        return conv3d(input, self.weight, self.bias, stride, padding, dilation, self.groups)  # type: ignore[arg-type]


class ConvTranspose3d(TransposedLayer):
    """3-D transposed convolution: each voxel, spread over its window of a larger volume.

        D' = (D - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1,   H' and W' likewise

    ``padding``: voxels cut off at every side. ``output_padding``: voxels more at the ends, where with a stride several
    sizes would be convolved to D x H x W; instead, a call may name the ``output_size``. Sizes are ints or (depth,
    vertical, horizontal). ``weight``: (in_channels, out_channels / groups, *kernel_size); it and ``bias`` start from
    U(-k, k) with k = 1/√(out_channels / groups · kernel volume).

    Shape: input (N, in_channels, D, H, W) or (in_channels, D, H, W); result (N, out_channels, D', H', W') or
        (out_channels, D', H', W').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels or an ``output_size``
        that the stride does not reach, and ``DTypeError``.

    >>> layer = nn.ConvTranspose3d(8, 3, 2, stride=2)
    >>> layer(tc.zeros(1, 8, 2, 4, 4)).shape
    (1, 3, 4, 8, 8)
    """

    rank = 3

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Triple,
        stride: Triple = 1,
        padding: Triple = 0,
        output_padding: Triple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Triple = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra: Any = self.output_padding_for(input, output_size)
        stride: Any = self.stride
        margins: Any = self.padding
        dilation: Any = self.dilation
        return conv_transpose3d(input, self.weight, self.bias, stride, margins, extra, self.groups, dilation)
