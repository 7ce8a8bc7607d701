"""Pooling layers, on (N, C, H, W)."""

from __future__ import annotations

from typing import Any

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.core.geometry import window_extent
from tinyconv.nn.arguments import non_negative_pair, positive_pair
from tinyconv.nn.module import Module
from tinyconv.ops import pooling
from tinyconv.ops.tensor import Tensor


def _check_window(layer: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
    """Raise ``ArgumentError`` for sizes that make no sense. With more padding than half a window, one sees no input."""
    kernel = positive_pair(kernel_size, f"{layer}: kernel_size")
    positive_pair(stride, f"{layer}: stride")
    pads = non_negative_pair(padding, f"{layer}: padding")
    gaps = positive_pair(dilation, f"{layer}: dilation")
    if any(2 * pad > window_extent(size, gap) for pad, size, gap in zip(pads, kernel, gaps, strict=True)):
        raise ArgumentError(
            f"{layer}: padding={padding} is more than half a window of kernel_size={kernel_size}, dilation={dilation}; "
            "pad at most (dilation * (kernel_size - 1) + 1) // 2"
        )


class MaxPool2d(Module):
    """The largest element of each window; the window steps by ``stride`` (default: ``kernel_size``).

        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1      (ceil with ``ceil_mode``)

    Padding counts as -∞. With ``return_indices`` the result is (output, indices), the indices flat in H·W.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        _check_window("MaxPool2d", kernel_size, self.stride, padding, dilation)

    def forward(self, input: Tensor) -> Any:
        return pooling.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window; the window steps by ``stride`` (default: ``kernel_size``).

    ``count_include_pad``: zeros of the padding count as elements. ``divisor_override``: divide by this instead of the
    number of elements.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override
        _check_window("AvgPool2d", kernel_size, self.stride, padding)
        if divisor_override == 0:
            raise ArgumentError("AvgPool2d: divisor_override must not be 0")

    def forward(self, input: Tensor) -> Tensor:
        return pooling.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The means of ``output_size`` windows that share the input out between them, whatever its size.

    An entry of ``output_size`` may be None: as many windows as pixels.
    """

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        super().__init__()
        for size in output_size if isinstance(output_size, tuple) else (output_size,):
            if size is not None and size < 1:
                raise ArgumentError(f"AdaptiveAvgPool2d: output_size must be at least 1, got {output_size!r}")
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return pooling.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
