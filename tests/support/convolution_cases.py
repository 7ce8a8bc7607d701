"""Random convolutions and poolings for Hypothesis, none of them with a window larger than the padded image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from tinyconv.core.geometry import output_size, window_extent
from tinyconv.core.windows import Windows, sliding_windows

Pair = tuple[int, int]

# (groups, channels of one group, outputs of one group): around the edges of SIMD vectors and register tiles, and small
# enough for the reference's loops.
CHANNELS = [
    (1, 1, 1),
    (1, 3, 2),
    (1, 2, 17),
    (1, 1, 33),
    (1, 17, 2),
    (1, 16, 16),
    (1, 50, 34),
    (2, 2, 3),
    (2, 3, 17),
    (3, 1, 1),
    (4, 1, 2),
]


@dataclass(frozen=True)
class Convolution:
    """A convolution's shapes and parameters, and the seed of its numbers."""

    images: int
    groups: int
    channels: int
    outputs: int
    size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    seed: int = 0

    @property
    def output_size(self) -> Pair:
        axes = zip(self.size, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        height, width = (output_size(*axis) for axis in axes)
        return height, width

    @property
    def parameters(self) -> tuple[Pair, Pair, Pair, int]:
        return self.stride, self.padding, self.dilation, self.groups

    def arrays(self, dtype: Any = np.float64) -> tuple[Any, Any, Any, Any]:
        """Random (x, weight, bias, dy)."""
        random = np.random.default_rng(self.seed)
        outputs = self.groups * self.outputs
        shapes = (
            (self.images, self.groups * self.channels, *self.size),
            (outputs, self.channels, *self.kernel_size),
            (outputs,),
            (self.images, outputs, *self.output_size),
        )
        x, weight, bias, dy = (random.standard_normal(shape).astype(dtype) for shape in shapes)
        return x, weight, bias, dy


@dataclass(frozen=True)
class Pooling:
    """A pooling's shape and parameters."""

    shape: tuple[int, int, int, int]
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    ceil_mode: bool
    seed: int

    def values(self, dtype: Any = np.float64) -> Any:
        """Few different numbers, so that maxima are often equal."""
        return np.random.default_rng(self.seed).integers(-3, 4, self.shape).astype(dtype)

    def output_size(self, dilation: Pair = (1, 1)) -> Pair:
        axes = zip(self.shape[2:], self.kernel_size, self.stride, self.padding, dilation, strict=True)
        height, width = (output_size(*axis, self.ceil_mode) for axis in axes)
        return height, width

    def pixels(self, axis: int) -> list[list[int]]:
        """The pixels that each window sees along an axis, by the definition."""
        starts = [
            index * self.stride[axis] - self.padding[axis] for index in range(self.output_size(self.dilation)[axis])
        ]
        taps = [tap * self.dilation[axis] for tap in range(self.kernel_size[axis])]
        return [[start + tap for tap in taps if 0 <= start + tap < self.shape[2 + axis]] for start in starts]

    def sees_pixels(self) -> bool:
        """Whether every window does: with a dilation, all that one looks at can fall outside."""
        return all(pixels for axis in (0, 1) for pixels in self.pixels(axis))

    def windows(self) -> Windows:
        """The windows of its maxima."""
        return sliding_windows(
            self.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(
    draw: st.DrawFn, most_extra: int = 4, widths: list[tuple[int, int, int]] = CHANNELS, most_padding: int = 3
) -> Convolution:
    """Images are at least as large as the dilated kernel needs, and up to ``most_extra`` pixels larger.

    ``widths``: (groups, channels of one group, outputs of one group), of which one is drawn.
    """
    groups, channels, outputs = draw(st.sampled_from(widths))
    kernel_size, dilation, padding = draw(pairs(1, 3)), draw(pairs(1, 2)), draw(pairs(0, most_padding))
    extra = draw(pairs(0, most_extra))
    least = [max(1, window_extent(k, d) - 2 * p) for k, d, p in zip(kernel_size, dilation, padding, strict=True)]
    return Convolution(
        images=draw(st.integers(1, 2)),
        groups=groups,
        channels=channels,
        outputs=outputs,
        size=(least[0] + extra[0], least[1] + extra[1]),
        kernel_size=kernel_size,
        stride=draw(pairs(1, 3)),
        padding=padding,
        dilation=dilation,
        seed=draw(st.integers(0, 2**32 - 1)),
    )


@st.composite
def poolings(draw: st.DrawFn) -> Pooling:
    """As PyTorch demands, padding is at most half the kernel; images hold at least one window."""
    kernel_size, dilation, extra = draw(pairs(1, 4)), draw(pairs(1, 2)), draw(pairs(0, 6))
    padding = (draw(st.integers(0, kernel_size[0] // 2)), draw(st.integers(0, kernel_size[1] // 2)))
    least = [window_extent(k, d) for k, d in zip(kernel_size, dilation, strict=True)]
    return Pooling(
        shape=(draw(st.integers(1, 2)), draw(st.sampled_from([1, 3, 17])), least[0] + extra[0], least[1] + extra[1]),
        kernel_size=kernel_size,
        stride=draw(pairs(1, 3)),
        padding=padding,
        dilation=dilation,
        ceil_mode=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


max_poolings = poolings().filter(Pooling.sees_pixels)


def windows(x: Any, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """All windows of x (N, C, H, W): (N, C, OH, OW, R, S), by NumPy alone. Fast enough for shapes of real layers."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    extent = tuple(window_extent(k, d) for k, d in zip(kernel_size, dilation, strict=True))
    views = sliding_window_view(padded, extent, axis=(2, 3))
    return views[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
