"""Convolution layers."""

from __future__ import annotations

from typing import Any

from tinyconv.core.arrays import Pair
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, non_negative_pair, positive, positive_pair
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.convolution import conv2d
from tinyconv.ops.tensor import Tensor


class Conv2d(Module):
    """2-D convolution (cross-correlation) of (N, in_channels, H, W) to (N, out_channels, H', W').

        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1,   W' likewise

    ``padding``: pixels of zeros on each side, or "valid" (none), or "same" (H' = H; stride 1 only). ``groups``: input
    and output channels are split into that many independent convolutions. Sizes are ints or (vertical, horizontal).
    ``weight``: (out_channels, in_channels / groups, *kernel_size); it and ``bias`` start from U(-k, k) with
    k = 1/√(in_channels / groups · kernel area). Raises ``ArgumentError``, ``UnsupportedError`` (padding_mode).
    """

    weight: Parameter
    bias: Parameter | None
    padding: Pair | str

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
        super().__init__()
        self.in_channels = positive(in_channels, "Conv2d: in_channels")
        self.out_channels = positive(out_channels, "Conv2d: out_channels")
        self.groups = positive(groups, "Conv2d: groups")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ArgumentError(
                    f"Conv2d: groups={groups} does not divide {name}={channels}; each group takes in_channels/groups "
                    "channels and makes out_channels/groups"
                )
        self.kernel_size = positive_pair(kernel_size, "Conv2d: kernel_size")
        self.stride = positive_pair(stride, "Conv2d: stride")
        self.dilation = positive_pair(dilation, "Conv2d: dilation")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentError(f"Conv2d: padding must be ints, 'same' or 'valid', got {padding!r}")
            if padding == "same" and self.stride != (1, 1):
                raise ArgumentError(f"Conv2d: padding='same' needs stride 1, got stride={self.stride}")
            self.padding = padding
        else:
            self.padding = non_negative_pair(padding, "Conv2d: padding")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ArgumentError(f"Conv2d: padding_mode must be 'zeros', got {padding_mode!r}")
        if padding_mode != "zeros":
            raise UnsupportedError(f"Conv2d: padding_mode={padding_mode!r} is not offered; only 'zeros' is")
        self.padding_mode = padding_mode
        self.weight = new_parameter((out_channels, in_channels // groups, *self.kernel_size), device, dtype)
        if bias:
            self.bias = new_parameter((out_channels,), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_weight_(self.weight)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text
