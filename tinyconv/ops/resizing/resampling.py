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
from tinyconv.core.devices import Device
from tinyconv.core.transfer import placed

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Taps:
    """(index, weight) of each tap, for every element of the result; ``None`` stands for weights of 1.

    Whoever makes them keeps them for their geometry: a training step asks for the same ones every time, and on a GPU
    the tables would have to be sent there anew. Not to be written into.
    """

    def __init__(self, *pairs: tuple[Array, Array | None]) -> None:
        self.pairs = pairs
        self.length = len(pairs[0][0])
        self._tables: dict[Any, Any] = {}

    def gathers(self, device: Device, dtype: Any) -> list[tuple[Any, Any]]:
        """(positions that are taken, weights) of each tap, as arrays of the device."""
        key = "gathers", device, dtype
        if key not in self._tables:
            self._tables[key] = [_placed(device, dtype, index, weight) for index, weight in self.pairs]
        found: list[tuple[Any, Any]] = self._tables[key]
        return found

    def spreads(self, device: Device, dtype: Any) -> list[tuple[Any, Any, Any]]:
        """(elements, positions that took them, weights) of each round of each tap: see ``Spread``."""
        key = "spreads", device, dtype
        if key not in self._tables:
            self._tables[key] = [
                (
                    placed(targets, device),
                    *_placed(device, dtype, sources, None if weight is None else weight[sources]),
                )
                for index, weight in self.pairs
                for targets, sources in _rounds(index)
            ]
        found: list[tuple[Any, Any, Any]] = self._tables[key]
        return found


def _placed(device: Device, dtype: Any, index: Array, weight: Array | None) -> tuple[Any, Any]:
    return placed(index, device), None if weight is None else placed(weight.astype(dtype), device)


class _AlongAxis(Operation):
    """What both have: the axis, the input's size along it, and the taps."""

    def __init__(self, axis: int, size: int, taps: Taps) -> None:
        self.axis, self.size, self.taps = axis, size, taps

    def _length(self, shape: tuple[int, ...], length: int) -> tuple[int, ...]:
        return (*shape[: self.axis], length, *shape[self.axis + 1 :])

    def _at(self, index: Any) -> tuple[Any, ...]:
        return (*(slice(None),) * self.axis, index)

    def _weighted(self, picked: Any, weight: Any) -> Any:
        """Multiplied with a weight for each position along the axis."""
        return picked if weight is None else picked * weight.reshape(self._length((1,) * picked.ndim, weight.size))


class Resample(_AlongAxis):
    """y = the sum over the taps."""

    def forward(self, x: Any) -> Any:
        result = layout.empty(self._length(x.shape, self.taps.length), x.dtype, self.xp)
        for number, (index, weight) in enumerate(self.taps.gathers(self.device, x.dtype)):
            picked = self._weighted(x[self._at(index)], weight)
            if number == 0:
                result[...] = picked
            else:
                result += picked
        return result

    def backward(self, dy: Tensor) -> Any:
        return Spread(self.axis, self.size, self.taps).apply(dy)


class Spread(_AlongAxis):
    """dx = each dy, added where the taps took it from: in rounds, none of which meets an element twice.

    The first round serves every element that any tap took, with the first position that took it, the second those that
    were taken twice, and so on. So the order of each sum is fixed, and a round is a pass over whole rows or columns.
    """

    def forward(self, dy: Any) -> Any:
        result = layout.zeros(self._length(dy.shape, self.size), dy.dtype, self.xp)
        for targets, sources, weight in self.taps.spreads(self.device, dy.dtype):
            result[self._at(targets)] += self._weighted(dy[self._at(sources)], weight)
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
