"""Float arithmetic with one rounding, in any of PTX's four directions.

What a float32 operation leaves out is known from float64, where sums and products of float32 are nearly exact; what a
float64 one leaves out, from the classic error-free sums and products. Rounding in a direction is then rounding to
nearest, and one step back where that overshot.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ptx.types import FLOAT32, FLOAT64

Values = Any


def exact_sum(a: Values, b: Values) -> tuple[Values, Values]:
    """(s, e): s the rounded sum, e what rounding lost (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def _halves(a: Values) -> tuple[Values, Values]:
    """Two numbers of half the bits whose sum is a (Veltkamp)."""
    c = a * 134217729.0  # 2^27 + 1
    high = c - (c - a)
    return high, a - high


def exact_product(a: Values, b: Values) -> tuple[Values, Values]:
    """(p, e): p the rounded product, e what rounding lost (Dekker)."""
    p = a * b
    (a1, a2), (b1, b2) = _halves(a), _halves(b)
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def to_odd(s: Values, e: Values) -> Values:
    """s + e, rounded to the neighbour whose last bit is 1 where it is no float: rounding that again cannot go wrong."""
    bits = np.atleast_1d(s).copy().view(np.int64)
    e = np.broadcast_to(e, bits.shape)
    even = (e != 0) & (bits & 1 == 0) & np.isfinite(np.atleast_1d(s))
    outward = (e > 0) == (bits >= 0)  # the magnitude grows with the bits
    return (bits + np.where(even, np.where(outward, 1, -1), 0)).view(np.float64)


def fma(a: Values, b: Values, c: Values, mode: str = "rn") -> Values:
    """a * b + c with one rounding: exact for all finite numbers, of either width."""
    a, b, c = np.broadcast_arrays(*(np.atleast_1d(value) for value in (a, b, c)))
    if a.dtype == FLOAT32:
        wide = to_odd(*exact_sum(a.astype(FLOAT64) * b.astype(FLOAT64), c.astype(FLOAT64)))
        return narrowed(wide, mode)
    # Boldo and Melquiond, Emulation of a FMA and correctly rounded sums: the two small parts are added to odd.
    high, low = exact_product(a, b)
    first, rest = exact_sum(c, low)
    total, second = exact_sum(high, first)
    small = to_odd(*exact_sum(rest, second))
    result, lost = exact_sum(total, small)
    result = directed(result, lost, mode)
    for place in np.flatnonzero(_extreme(a, b, c, high)):
        result[place] = _by_fractions(float(a[place]), float(b[place]), float(c[place]), mode)
    return result


def _extreme(a: Values, b: Values, c: Values, p: Values) -> Values:
    """Where the error-free product may overflow or underflow."""
    large = np.maximum(np.maximum(np.abs(a), np.abs(b)), np.maximum(np.abs(c), np.abs(p)))
    return ~(large < 2.0**990) | ((np.abs(p) < 2.0**-900) & (a != 0) & (b != 0))


def _by_fractions(a: float, b: float, c: float, mode: str) -> float:
    if not np.isfinite([a, b, c]).all():
        with np.errstate(all="ignore"):
            return float(np.float64(a) * np.float64(b) + np.float64(c))
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return float(np.float64(a) * np.float64(b) + np.float64(c))
    try:
        nearest = float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
    lost = exact - Fraction(nearest)
    return float(directed(np.array([nearest]), np.array([float(np.sign(lost))]), mode)[0])


def directed(nearest: Values, lost: Values, mode: str) -> Values:
    """The rounding in ``mode`` of nearest + lost, where ``nearest`` is its rounding to nearest."""
    if mode == "rn":
        return nearest
    zero, infinity = nearest.dtype.type(0), nearest.dtype.type(np.inf)
    down = (lost < 0) & ((mode == "rm") | ((mode == "rz") & (nearest > 0)))
    up = (lost > 0) & ((mode == "rp") | ((mode == "rz") & (nearest < 0)))
    target = np.where(down, -infinity, np.where(up, infinity, zero))
    return np.where(down | up, np.nextafter(nearest, target.astype(nearest.dtype)), nearest)


def narrowed(wide: Values, mode: str = "rn") -> Values:
    """float64, rounded to float32."""
    nearest = np.asarray(wide, FLOAT64).astype(FLOAT32)
    return directed(nearest, np.asarray(wide) - nearest.astype(FLOAT64), mode)


def add(a: Values, b: Values, mode: str) -> Values:
    if mode == "rn":
        return a + b
    if a.dtype == FLOAT32:
        return narrowed(to_odd(*exact_sum(a.astype(FLOAT64), b.astype(FLOAT64))), mode)
    return directed(*exact_sum(a, b), mode)


def multiply(a: Values, b: Values, mode: str) -> Values:
    if mode == "rn":
        return a * b
    if a.dtype == FLOAT32:
        return narrowed(a.astype(FLOAT64) * b.astype(FLOAT64), mode)
    return fma(a, b, np.where(np.signbit(a * b), -0.0, 0.0), mode)
