"""Transposed convolution layers, which make images larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyconv.core.arrays import Pair, Sizes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.geometry import transposed_size
from tinyconv.nn.convolution import ConvolutionLayer
from tinyconv.ops.convolution.transposed_convolution import conv_transpose1d, conv_transpose2d
from tinyconv.ops.tensor import Tensor


class TransposedLayer(ConvolutionLayer):
    """What both have: a weight with the channels of the input first, and the choice of the result's size."""

    transposed = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        if self.padding_mode != "zeros":
            raise ArgumentError(
                f"{type(self).__name__}: padding_mode must be 'zeros', for padding takes pixels of the result away and "
                f"fills none, got {self.padding_mode!r}"
            )

    def output_padding_for(self, input: Tensor, output_size: Sequence[int] | None) -> Sizes:
        """The ``output_padding`` with which the result has ``output_size``; the layer's own for ``None``."""
        if output_size is None:
            return self.output_padding
        layer, rank = type(self).__name__, self.rank
        wanted = tuple(output_size)
        if len(wanted) == len(input.shape):
            wanted = wanted[-rank:]
        if len(wanted) != rank:
            raise ShapeError(
                f"{layer}: output_size must have {rank} entries, or those of the whole result ({len(input.shape)}), "
                f"got {tuple(output_size)}"
            )
        margins: Any = self.padding
        axes = zip(input.shape[-rank:], self.kernel_size, self.stride, margins, self.dilation, strict=True)
        least = tuple(transposed_size(*axis, output_padding=0) for axis in axes)
        most = tuple(size + step - 1 for size, step in zip(least, self.stride, strict=True))
        extra = tuple(size - low for size, low in zip(wanted, least, strict=True))
        if any(not 0 <= more < step for more, step in zip(extra, self.stride, strict=True)):
            raise ShapeError(
                f"{layer}: output_size {wanted} is not among the sizes from {least} to {most}, of which a convolution "
                f"with stride {self.stride} makes {tuple(input.shape[-rank:])}"
            )
        return extra


class ConvTranspose1d(TransposedLayer):
    """1-D transposed convolution: each element of the signal, spread over its window of a longer one.

        L' = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1

    ``padding``: elements cut off at both ends. ``output_padding``: elements more at the end, where with a stride
    several lengths would be convolved to L; instead, a call may name the ``output_size``. ``weight``: (in_channels,
    out_channels / groups, kernel_size); it and ``bias`` start from U(-k, k), k = 1/√(out_channels / groups ·
    kernel_size).

    Shape: input (N, in_channels, L) or (in_channels, L); result (N, out_channels, L') or (out_channels, L').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels or an ``output_size``
        that the stride does not reach, and ``DTypeError``.

    >>> layer = nn.ConvTranspose1d(4, 8, 3, stride=2)
    >>> layer(tc.zeros(1, 4, 5)).shape, layer(tc.zeros(1, 4, 5), output_size=(12,)).shape
    ((1, 8, 11), (1, 8, 12))
    """

    rank = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        extra = self.output_padding_for(input, output_size)
        margins: Any = self.padding
        return conv_transpose1d(input, self.weight, self.bias, self.stride, margins, extra, self.groups, self.dilation)


class ConvTranspose2d(TransposedLayer):
    """2-D transposed convolution: each pixel, spread over its window of a larger image.

        H' = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1,   W' likewise

    ``padding``: pixels cut off at every side. ``output_padding``: pixels more at the bottom and right, where with a
    stride several sizes would be convolved to H x W; instead, a call may name the ``output_size``. Sizes are ints or
    (vertical, horizontal). ``weight``: (in_channels, out_channels / groups, *kernel_size); it and ``bias`` start from
    U(-k, k) with k = 1/√(out_channels / groups · kernel area).

    Shape: input (N, in_channels, H, W) or (in_channels, H, W); result (N, out_channels, H', W') or
        (out_channels, H', W').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels or an ``output_size``
        that the stride does not reach, and ``DTypeError``.

    >>> layer = nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)
    >>> layer(tc.zeros(1, 8, 16, 16)).shape
    (1, 3, 32, 32)
    """

    rank = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Pair = 1,
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
        return conv_transpose2d(input, self.weight, self.bias, stride, margins, extra, self.groups, dilation)
