"""What is counted of each channel while images pass, a batch at a time, so that no batch need be kept."""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.precision import set_float32_precision
from tinyconv.ops.tensor import Tensor

AT_BOUND = 0.01
"""A value this share of the range or nearer to a bound of its activation counts as being at it."""
MAX_CORRELATED = 1024
"""Channels that are compared with each other; of a layer with more none are, for it would be too many pairs."""
MAX_PLACES = 256
"""Places of a map that are looked at; of larger maps about as many, spread over it. Only min and max are of all."""


class ChannelStatistics:
    """Counts over maps (N, C, H, W), or values (N, C), given to ``add``.

    With K a first guess at the mean, which keeps the sums small:
        mean = K + sum (a - K) / n,   sd^2 = sum (a - K)^2 / n - (mean - K)^2
    and the correlation of channels i and j from the sums of (a_i - K_i)(a_j - K_j).
    """

    def __init__(self, channels: int, bounds: tuple[float, float] | None) -> None:
        self._channels, self._bounds = channels, bounds
        self._count = 0
        self._guess: FloatArray | None = None
        self._sums, self._squares, self._zeros, self._bound = (np.zeros(channels) for _ in range(4))
        self._low, self._high = np.full(channels, np.inf), np.full(channels, -np.inf)
        compared = channels if channels <= MAX_CORRELATED else 0
        self._products = np.zeros((compared, compared))

    def add(self, maps: Array) -> None:
        rows = _rows(maps)
        self._low = np.minimum(self._low, rows.min(axis=0))
        self._high = np.maximum(self._high, rows.max(axis=0))
        rows = np.ascontiguousarray(rows[:: _step(maps.shape[2:])])
        if self._guess is None:
            self._guess = np.nan_to_num(rows.mean(axis=0)).astype(rows.dtype)
        self._count += len(rows)
        self._zeros += len(rows) - np.count_nonzero(rows, axis=0)
        if self._bounds is not None:
            self._bound += np.count_nonzero(_at_bound(rows, *self._bounds), axis=0)
        rows = rows - self._guess
        self._sums += rows.sum(axis=0, dtype=np.float64)
        self._squares += np.square(rows, dtype=np.float64).sum(axis=0)
        if len(self._products):
            self._products += _product(rows)

    def figures(self) -> dict[str, FloatArray]:
        """Of each channel (C,): mean, sd, min, max; zero and bound: shares of the values that are 0 or at a bound;
        twin: which earlier channel it is most correlated with (-1: none), and correlation: how much.
        """
        shift = self._sums / self._count
        spread = np.sqrt(np.maximum(self._squares / self._count - shift**2, 0))
        correlation, twin = self._twins()
        return {
            "mean": shift + (0 if self._guess is None else self._guess),
            "sd": spread,
            "min": self._low,
            "max": self._high,
            "zero": self._zeros / self._count,
            "bound": self._bound / self._count,
            "twin": twin.astype(np.float64),
            "correlation": correlation,
        }

    def _twins(self) -> tuple[FloatArray, Array]:
        correlation, twin = np.zeros(self._channels), np.full(self._channels, -1)
        if not len(self._products):
            return correlation, twin
        means = self._sums / self._count
        covariance = self._products / self._count - np.outer(means, means)
        spread = np.sqrt(np.maximum(np.diag(covariance), 0))
        scale = np.outer(spread, spread)
        both = np.divide(covariance, scale, out=np.zeros_like(covariance), where=np.isfinite(scale) & (scale > 0))
        # Of channels that hardly vary the correlation is that of rounding errors.
        varies = spread > 1e-6 * np.maximum(np.abs(self._low), np.abs(self._high))
        both *= np.outer(varies, varies)
        earlier = np.tril(np.clip(np.nan_to_num(both), -1, 1), -1)
        found = np.abs(earlier).argmax(axis=1)
        correlation = earlier[np.arange(self._channels), found]
        return correlation, np.where(correlation != 0, found, -1)


def _rows(maps: Array) -> FloatArray:
    """(N, C, H, W) as (N H W, C), which for the channels-last memory of our maps is a view; (N, C) as it is."""
    moved = np.moveaxis(maps, 1, -1)
    return np.ascontiguousarray(moved.reshape(-1, moved.shape[-1]))


def _step(size: tuple[int, ...]) -> int:
    """Every how many places one is looked at: a step that visits all columns of a map in turn."""
    step = max(1, -(-math.prod(size) // MAX_PLACES))
    while size and math.gcd(step, size[-1]) > 1:
        step += 1
    return step


def _product(rows: FloatArray) -> FloatArray:
    """rows.T @ rows, by our own kernel: a BLAS gives other bits with other numbers of threads."""
    with set_float32_precision("exact"):
        tensor = Tensor(np.ascontiguousarray(rows))
        product: FloatArray = (tensor.t() @ tensor).numpy()
    return product


def _at_bound(values: FloatArray, low: float, high: float) -> Array:
    """Where values have come to a bound."""
    near = AT_BOUND * (high - low)
    return (values >= high - near) | (values <= low + near)
