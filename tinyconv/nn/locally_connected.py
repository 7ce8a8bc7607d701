"""The locally connected layer: a convolution with a weight for every pixel."""

from __future__ import annotations

import math
from typing import Any

from tinyconv.core.arrays import Pair
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.core.geometry import output_size
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, non_negative_pair, positive, positive_pair
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.convolution.locally_connected import locally_connected2d
from tinyconv.ops.tensor import Tensor


class LocallyConnected2d(Module):
    """A convolution in which every output pixel has its own weight, for aligned images of one ``input_size``.

        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1,   W' likewise

    PyTorch has no such layer. ``weight``: (H', W', out_channels, in_channels, *kernel_size), of which ``weight[i, j]``
    is a convolution's for pixel (i, j); ``bias``: (out_channels, H', W'). Both start from U(-k, k) with
    k = 1/√(in_channels · kernel area), like a convolution's. Sizes are ints or (vertical, horizontal).

    Shape: input (N, in_channels, H, W) or (in_channels, H, W), with (H, W) the ``input_size``; result
        (N, out_channels, H', W') or (out_channels, H', W').
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for impossible sizes; on a call ``ShapeError`` for other channels or images of another
        size, and ``DTypeError``.
    Source: Taigman et al., "DeepFace: Closing the gap to human-level performance in face verification", 2014,
        section 3.

    >>> layer = nn.LocallyConnected2d(2, 4, input_size=(6, 5), kernel_size=3)
    >>> layer.weight.shape, layer(tc.zeros(1, 2, 6, 5)).shape
    ((4, 3, 4, 2, 3, 3), (1, 4, 4, 3))
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: int | Pair,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = positive(in_channels, "LocallyConnected2d: in_channels")
        self.out_channels = positive(out_channels, "LocallyConnected2d: out_channels")
        self.input_size = positive_pair(input_size, "LocallyConnected2d: input_size")
        self.kernel_size = positive_pair(kernel_size, "LocallyConnected2d: kernel_size")
        self.stride = positive_pair(stride, "LocallyConnected2d: stride")
        self.padding = non_negative_pair(padding, "LocallyConnected2d: padding")
        self.dilation = positive_pair(dilation, "LocallyConnected2d: dilation")
        axes = zip(self.input_size, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        positions = tuple(output_size(*axis) for axis in axes)
        if min(positions) < 1:
            raise ArgumentError(
                f"LocallyConnected2d: kernel_size={self.kernel_size} with dilation={self.dilation} is larger than the "
                f"padded input: input_size={self.input_size}, padding={self.padding}"
            )
        self.weight = new_parameter((*positions, out_channels, in_channels, *self.kernel_size), device, dtype)
        if bias:
            self.bias = new_parameter((out_channels, *positions), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in_channels * self.kernel_size[0] * self.kernel_size[1])
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return locally_connected2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.bias is None:
            text += ", bias=False"
        return text
