"""Neighbouring pixels folded into columns: for outputs of few channels, which would leave a SIMD vector almost empty.

The channels of m neighbouring pixels lie side by side in memory. So an output row of W pixels with K channels is, as it
stands, one of W / m pixels with m K channels, and the convolution another one: each of the m pixels has its own place
in a wider window, and multiplies the rest of it by zeros.

    folded[(j, k), r, o, c]  =  W[k, c, r, t]  where tap t of pixel j reads offset o,  else 0

The weight gradient is that of the folded weight, summed over the m places of each number. For an input gradient, m is a
multiple of the stride: then all phases of a row are computed together.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tinyconv.backends.cpu.host import host
from tinyconv.backends.cpu.packing import Memo, Weight
from tinyconv.backends.cpu.taps import AxisPhase, Taps, combine, forward_axis, gradient_axis
from tinyconv.core.arrays import Array, FloatArray, Pair

COSTS = (1.5, 2.2, 4.0, 4.0)
"""What a tap costs a tile of 1 ... 4 vectors, relative to a vector of a wide one: narrow ones load more for each
multiply-add, and three vectors take the place of four."""

LEAST_GAIN = 1.25
"""How many times less all taps must cost, to make up for the larger weight."""


class Fold(NamedTuple):
    """A convolution whose output pixels are folded."""

    pixels: int
    """m: how many are one"""
    taps: Taps
    places: Array
    """(m, offsets): the tap that each pixel multiplies the input at an offset with; the number of taps for none"""

    def images(self, images: FloatArray) -> FloatArray:
        """Output images (N, H, W, K) as they stand, with folded pixels: (N, H, W / m, m K)."""
        return images.reshape(*images.shape[:2], -1, self.pixels * images.shape[3])

    def bias(self, bias: FloatArray | None) -> FloatArray | None:
        """The bias of each of the m pixels."""
        return None if bias is None else np.tile(bias, self.pixels)

    def memo(self, memo: Memo) -> Memo:
        """Where the copies of the folded weight are kept, in the memo of the weight."""
        return None if memo is None else memo.setdefault(("folded", self.pixels), {})

    def weight(self, weight: Weight, kernel_size: Pair) -> Weight:
        """The folded weight, from one of a single group."""
        _, outputs, inputs = weight.shape
        _, output, input_, row, column = weight.strides
        size = weight.numbers.itemsize
        strides = (output * size, row * size, column * size, input_ * size)
        taps = np.lib.stride_tricks.as_strided(weight.numbers, (outputs, *kernel_size, inputs), strides)
        wider = np.zeros((outputs, kernel_size[0], kernel_size[1] + 1, inputs), taps.dtype)
        wider[:, :, :-1] = taps
        offsets = self.places.shape[1]
        folded = wider[:, :, self.places].transpose(2, 0, 1, 3, 4)  # (outputs, rows, m, offsets, inputs) before
        numbers = np.ascontiguousarray(folded).reshape(-1)
        shape = (1, self.pixels * outputs, inputs)
        return Weight(numbers, shape, (0, kernel_size[0] * offsets * inputs, 1, offsets * inputs, inputs))

    def empty_gradient(self, weight_shape: tuple[int, ...], dtype: Any) -> tuple[FloatArray, Weight]:
        """Memory for the gradient of the folded weight, (m, K, R, offsets, C), of a weight (K, C, R, S)."""
        outputs, inputs, rows, _ = weight_shape
        offsets = self.places.shape[1]
        gradient: FloatArray = np.empty((self.pixels, outputs, rows, offsets, inputs), dtype)
        strides = (0, rows * offsets * inputs, 1, offsets * inputs, inputs)
        return gradient, Weight(gradient.reshape(-1), (1, self.pixels * outputs, inputs), strides)

    def unfold_gradient(self, folded: FloatArray, gradient: FloatArray) -> None:
        """gradient[k, r, t, c] = the sum of ``folded`` over all places where the weight stands in the folded one."""
        order = np.argsort(self.places, axis=1)[:, : gradient.shape[2]]  # where each tap of a pixel is; zeros come last
        gradient[...] = folded[0][:, :, order[0]]
        for pixel in range(1, self.pixels):
            gradient += folded[pixel][:, :, order[pixel]]


def _cost(outputs: int, taps: float, dtype: Any) -> float:
    """Of a pixel with so many ``outputs``."""
    panels, rest = divmod(-(-outputs // host().lanes(dtype)), len(COSTS))
    return taps * (panels * COSTS[-1] + (COSTS[rest - 1] if rest else 0))


def _fold_axis(phases: list[AxisPhase], in_stride: int, pixels: int) -> tuple[list[int], Array]:
    """The offsets that ``pixels`` neighbouring outputs read, seen from the first, and ``Fold.places``."""
    out_stride = len(phases)
    reads = [
        {offset + pixel // out_stride * in_stride: tap for tap, offset in phases[pixel % out_stride].taps}
        for pixel in range(pixels)
    ]
    offsets = sorted(set().union(*reads))
    missing = 1 + max((tap for phase in phases for tap, _ in phase.taps), default=-1)
    return offsets, np.array([[read.get(offset, missing) for offset in offsets] for read in reads], np.int64)


def _best(phases: list[AxisPhase], in_stride: int, width: int, outputs: int, dtype: Any) -> int:
    """The number of pixels to fold that takes the fewest multiply-adds of vectors, or 1."""
    out_stride = len(phases)
    unfolded = _cost(outputs, sum(len(phase.taps) for phase in phases) / out_stride, dtype)
    best, least = 1, unfolded / LEAST_GAIN
    most = len(COSTS) * host().lanes(dtype) // outputs
    for pixels in range(out_stride, min(width, most) + 1, out_stride):
        if width % pixels == 0 and pixels > 1:
            cost = _cost(pixels * outputs, len(_fold_axis(phases, in_stride, pixels)[0]), dtype) / pixels
            if cost < least:
                best, least = pixels, cost
    return best


def _fold(
    vertical: list[AxisPhase], phases: list[AxisPhase], in_stride: Pair, width: int, outputs: int, dtype: Any
) -> Fold | None:
    pixels = _best(phases, in_stride[1], width, outputs, dtype)
    if pixels == 1:
        return None
    offsets, places = _fold_axis(phases, in_stride[1], pixels)
    folded = AxisPhase(0, width // pixels, tuple(enumerate(offsets)))
    step = pixels // len(phases) * in_stride[1]
    taps = combine(vertical, [folded], in_stride=(in_stride[0], step), out_stride=(len(vertical), 1))
    return Fold(pixels, taps, places)


@functools.lru_cache(maxsize=256)
def fold_forward(
    kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair, outputs: int, dtype: Any
) -> Fold | None:
    """How to fold y = conv(x, W) with ``outputs`` channels, or None where it does not pay."""
    vertical, horizontal = (
        forward_axis(*axis) for axis in zip(kernel_size, padding, dilation, output_size, strict=True)
    )
    return _fold(vertical, horizontal, stride, output_size[1], outputs, dtype)


@functools.lru_cache(maxsize=256)
def fold_gradient(
    kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, input_size: Pair, outputs: int, dtype: Any
) -> Fold | None:
    """How to fold dx, of ``outputs`` channels, or None where it does not pay."""
    vertical, horizontal = (
        gradient_axis(*axis) for axis in zip(kernel_size, stride, padding, dilation, input_size, strict=True)
    )
    if len(horizontal) < stride[1] or len(vertical) < stride[0]:  # an input smaller than the stride
        return None
    return _fold(vertical, horizontal, (1, 1), input_size[1], outputs, dtype)
