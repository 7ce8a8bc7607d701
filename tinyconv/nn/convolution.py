"""Convolution layers of signals and images (those of volumes: ``volume_convolution``)."""

from __future__ import annotations

from typing import Any, ClassVar

from tinyconv.core.arrays import Pair, Sizes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.core.geometry import sizes
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.convolution.functions import conv1d, conv2d
from tinyconv.ops.resizing.padding import pad
from tinyconv.ops.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def at_least(lowest: int, value: Any, name: str, rank: int) -> Sizes:
    """``value`` as one int for each of ``rank`` dimensions, none below ``lowest``."""
    numbers = sizes(value, name, rank)
    if min(numbers) < lowest:
        where = {1: "", 2: " in both directions", 3: " in all directions"}[rank]
        raise ArgumentError(f"{name} must be at least {lowest}{where}, got {value!r}")
    return numbers


class ConvolutionLayer(Module):
    """What all convolution layers hold: their geometry, and ``weight`` and ``bias`` with PyTorch's initial values."""

    rank: ClassVar[int]
    """The number of spatial dimensions."""
    transposed: ClassVar[bool] = False

    weight: Parameter
    bias: Parameter | None
    padding: Sizes | str

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: DType | None,
    ) -> None:
        super().__init__()
        layer = type(self).__name__
        self.in_channels = positive(in_channels, f"{layer}: in_channels")
        self.out_channels = positive(out_channels, f"{layer}: out_channels")
        self.groups = positive(groups, f"{layer}: groups")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ArgumentError(
                    f"{layer}: groups={groups} does not divide {name}={channels}; each group takes in_channels/groups "
                    "channels and makes out_channels/groups"
                )
        self.kernel_size = at_least(1, kernel_size, f"{layer}: kernel_size", self.rank)
        self.stride = at_least(1, stride, f"{layer}: stride", self.rank)
        self.dilation = at_least(1, dilation, f"{layer}: dilation", self.rank)
        self.padding = self._checked_padding(padding)
        self.output_padding = at_least(0, output_padding, f"{layer}: output_padding", self.rank)
        if padding_mode not in PADDING_MODES:
            modes = ", ".join(map(repr, PADDING_MODES[:-1]))
            raise ArgumentError(f"{layer}: padding_mode must be {modes} or {PADDING_MODES[-1]!r}, got {padding_mode!r}")
        self.padding_mode = padding_mode
        split = (out_channels, in_channels // groups)
        if self.transposed:
            split = (in_channels, out_channels // groups)
        self.weight = new_parameter((*split, *self.kernel_size), device, dtype)
        if bias:
            self.bias = new_parameter((out_channels,), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _checked_padding(self, padding: Any) -> Sizes | str:
        layer = type(self).__name__
        if not isinstance(padding, str) or self.transposed:
            return at_least(0, padding, f"{layer}: padding", self.rank)
        if padding not in ("same", "valid"):
            raise ArgumentError(f"{layer}: padding must be ints, 'same' or 'valid', got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ArgumentError(f"{layer}: padding='same' needs stride 1, got stride={self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_weight_(self.weight)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight)

    def padded(self, input: Tensor) -> Tensor:
        """``input`` with margins by the ``padding_mode``, last dimension first; the extra one of "same" at the end."""
        margins: list[int] = []
        for axis in reversed(range(self.rank)):
            if isinstance(self.padding, str):
                total = self.dilation[axis] * (self.kernel_size[axis] - 1) if self.padding == "same" else 0
                margins += [total // 2, total - total // 2]
            else:
                margins += [self.padding[axis]] * 2
        return pad(input, margins, self.padding_mode)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        none = (0,) * self.rank
        if self.padding != none:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.rank:
            text += f", dilation={self.dilation}"
        if self.output_padding != none:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(ConvolutionLayer):
    """1-D convolution (cross-correlation) of signals.

        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    ``padding``: elements on each side, or "valid" (none), or "same" (L' = L; stride 1 only). ``padding_mode``: what is
    there: "zeros", or the signal itself by "reflect", "replicate" or "circular" (see ``functional.pad``). ``groups``:
    input and output channels are split into that many independent convolutions. ``weight``: (out_channels,
    in_channels / groups, kernel_size); it and ``bias`` start from U(-k, k) with
    k = 1/√(in_channels / groups · kernel_size).

    Shape: input (N, in_channels, L) or (in_channels, L); result (N, out_channels, L') or (out_channels, L').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels, or a signal that is too
        short, and ``DTypeError``.

    >>> layer = nn.Conv1d(4, 8, 3, stride=2, padding=1)
    >>> layer(tc.zeros(1, 4, 10)).shape
    (1, 8, 5)
    """

    rank = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
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
        if self.padding_mode != "zeros":
            return conv1d(self.padded(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return conv1d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(ConvolutionLayer):
    """2-D convolution (cross-correlation) of images.

        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1,   W' likewise

    ``padding``: pixels on each side, or "valid" (none), or "same" (H' = H; stride 1 only). ``padding_mode``: what is
    there: "zeros", or the image itself by "reflect", "replicate" or "circular" (see ``functional.pad``). ``groups``:
    input and output channels are split into that many independent convolutions. Sizes are ints or (vertical,
    horizontal). ``weight``: (out_channels, in_channels / groups, *kernel_size); it and ``bias`` start from U(-k, k)
    with k = 1/√(in_channels / groups · kernel area).

    Shape: input (N, in_channels, H, W) or (in_channels, H, W); result (N, out_channels, H', W') or
        (out_channels, H', W').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels, or images that are too
        small, and ``DTypeError``.

    >>> layer = nn.Conv2d(3, 8, 5, stride=2, padding=2)
    >>> layer(tc.zeros(1, 3, 32, 32)).shape
    (1, 8, 16, 16)
    """

    rank = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
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
            input, padding = self.padded(input), (0, 0)
        return conv2d(input, self.weight, self.bias, stride, padding, dilation, self.groups)  # type: ignore[arg-type]
