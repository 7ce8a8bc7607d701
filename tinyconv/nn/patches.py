"""Patches of images as columns, and back."""

from __future__ import annotations

from tinyconv.core.arrays import Pair
from tinyconv.nn.module import Module
from tinyconv.ops.convolution.patches import fold, unfold
from tinyconv.ops.tensor import Tensor


class Unfold(Module):
    """The patch under each window of images, as a column: see ``functional.unfold``.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C R S, L) or (C R S, L) for a kernel (R, S) with L windows.
    Dtype: float32 or float64; the result has the input's.
    Raises: on a call ``ArgumentError`` for impossible sizes; ``ShapeError`` for a kernel larger than the padded image;
        ``DTypeError``.

    >>> nn.Unfold(3, padding=1)(tc.zeros(2, 4, 5, 6)).shape
    (2, 36, 30)
    """

    def __init__(
        self, kernel_size: int | Pair, dilation: int | Pair = 1, padding: int | Pair = 0, stride: int | Pair = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Images as the sum of their patches: see ``functional.fold``.

    Shape: input (N, C R S, L) or (C R S, L) for a kernel (R, S) with L windows; result (N, C, *output_size) or
        (C, *output_size).
    Dtype: float32 or float64; the result has the input's.
    Raises: on a call ``ArgumentError`` for impossible sizes; ``ShapeError`` for patches that do not fit them;
        ``DTypeError``.

    >>> nn.Fold((5, 6), 3, padding=1)(tc.zeros(2, 36, 30)).shape
    (2, 4, 5, 6)
    """

    def __init__(
        self,
        output_size: int | Pair,
        kernel_size: int | Pair,
        dilation: int | Pair = 1,
        padding: int | Pair = 0,
        stride: int | Pair = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
