"""A linear map along one axis, in which each element of the result is a sum of few of the input, and its transpose.

    y[.., i, ..]  = sum over taps t of  weight_t[i] x[.., index_t[i], ..]                                 Resample
    dx[.., h, ..] = sum over taps t and all i with index_t[i] = h of  weight_t[i] dy[.., i, ..]           Spread

Interpolation is such a map along each axis, with one tap for the nearest pixel, two for a line through two pixels, four
for a cubic; and so is padding that repeats pixels. Each operation is the other's derivative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.arrays import Array

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Taps = tuple[tuple[Array, Array | None], ...]
"""(index, weight) of each tap, for every element of the result; ``None`` stands for weights of 1."""


class _AlongAxis(Operation):
    """What both have: the axis, the input's size along it, and the taps."""

    def __init__(self, axis: int, size: int, taps: Taps) -> None:
        self.axis, self.size, self.taps = axis, size, taps

    def _length(self, shape: tuple[int, ...], length: int) -> tuple[int, ...]:
        return (*shape[: self.axis], length, *shape[self.axis + 1 :])

    def _along(self, weight: Array, dimensions: int, dtype: Any) -> Any:
        """A weight for each position along the axis, to be multiplied with an array."""
        shape = self._length((1,) * dimensions, len(weight))
        return self.xp.asarray(weight, dtype).reshape(shape)


class Resample(_AlongAxis):
    """y = the sum over the taps."""

    def forward(self, x: Any) -> Any:
        result = layout.empty(self._length(x.shape, len(self.taps[0][0])), x.dtype, self.xp)
        for number, (index, weight) in enumerate(self.taps):
            picked = x[self._at(index)]
            if weight is not None:
                picked = picked * self._along(weight, x.ndim, x.dtype)
            if number == 0:
                result[...] = picked
            else:
                result += picked
        return result

    def _at(self, index: Array) -> tuple[Any, ...]:
        return (*(slice(None),) * self.axis, self.xp.asarray(index))

    def backward(self, dy: Tensor) -> Any:
        return Spread(self.axis, self.size, self.taps).apply(dy)


class Spread(_AlongAxis):
    """dx = each dy, added where the taps took it from: in rounds, none of which meets an element twice.

    The first round serves every element that any tap took, with the first position that took it, the second those that
    were taken twice, and so on. So the order of each sum is fixed, and a round is a pass over whole rows or columns.
    """

    def forward(self, dy: Any) -> Any:
        result = layout.zeros(self._length(dy.shape, self.size), dy.dtype, self.xp)
        before = (slice(None),) * self.axis
        for index, weight in self.taps:
            for targets, sources in _rounds(index):
                given = dy[(*before, self.xp.asarray(sources))]
                if weight is not None:
                    given = given * self._along(weight[sources], dy.ndim, dy.dtype)
                result[(*before, self.xp.asarray(targets))] += given
        return result

    def backward(self, cotangent: Tensor) -> Any:
        return Resample(self.axis, self.size, self.taps).apply(cotangent)


def _rounds(index: Array) -> list[tuple[Array, Array]]:
    """(elements, positions that took them): in each round, every element at most once."""
    order = np.argsort(index, kind="stable")
    taken = index[order]
    starts = np.flatnonzero(np.r_[True, taken[1:] != taken[:-1]])
    times = np.arange(len(taken)) - np.repeat(starts, np.diff(np.r_[starts, len(taken)]))
    return [(taken[times == turn], order[times == turn]) for turn in range(times.max() + 1)]
