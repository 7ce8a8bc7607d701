"""The exponential function in arithmetic that a compiler turns into vector instructions: no branch, no table, no call.

    e^x = 2^k e^r,   k = x / ln 2 rounded,   |r| <= ln 2 / 2,   e^r = 1 + r + r^2 q(r)

The polynomials here were fitted for the smallest relative error (Lawson's iteration). In float64 the mathematical
library's function is called: it serves checks, not speed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from tinyconv.backends.cpu.compilation import exact_helper

f = np.float32
PER_LN2 = f(1 / math.log(2))
LN2_HIGH = f(0.693359375)  # few digits: a product with a whole number is exact
LN2_LOW = f(math.log(2) - 0.693359375)
LOWEST, HIGHEST = f(-104), f(89)  # e^x is 0 below, and infinite above
LEAST_POWER = f(-151)
ROUNDER = f(1.5 * 2**23)
HALF, ONE = f(0.5), f(1)
Q0, Q1, Q2, Q3, Q4 = f(0.4999999343), f(0.166665204), f(0.0416683908), f(0.008368745185), f(0.001381453929)


@exact_helper
def float_of(bits):
    return np.int32(bits).view(np.float32)


@exact_helper
def bits_of(x):
    return np.float32(x).view(np.int32)


@exact_helper
def power_of_two(k):
    """2^k, put together from its bits; k an int32 between -126 and 127."""
    return float_of(np.int32(np.int32(k + np.int32(127)) << np.int32(23)))


@exact_helper
def reduced_exponential(x, k, rest):
    """e^(x + rest) / 2^k for k = x / ln 2 rounded, and a small ``rest`` that is lost in the sum."""
    r = x - k * LN2_HIGH - k * LN2_LOW + rest
    q = Q0 + r * (Q1 + r * (Q2 + r * (Q3 + r * Q4)))
    return ONE + (r + r * r * q)


@exact_helper
def exponential_of_sum(x, rest):
    """e^(x + rest) in float32, for x between -87 and 88 and a small ``rest``.

    Added to ``ROUNDER``, a number is rounded, and stands in the last bits, from where it is added to the exponent.
    """
    rounded = x * PER_LN2 + ROUNDER
    power = np.int32(bits_of(rounded) << np.int32(23))
    return float_of(np.int32(bits_of(reduced_exponential(x, rounded - ROUNDER, rest)) + power))


@exact_helper
def exponential_in_float32(x):
    """e^x for any x; NaN stays NaN."""
    bounded = HIGHEST if x > HIGHEST else x
    bounded = LOWEST if bounded < LOWEST else bounded
    k = np.floor(bounded * PER_LN2 + HALF)
    whole = np.int32(k if k > LEAST_POWER else LEAST_POWER)  # NaN has no integer
    first = np.int32(whole >> np.int32(1))  # in two factors: 2^k itself may be too large or too small
    return reduced_exponential(bounded, k, f(0)) * power_of_two(first) * power_of_two(np.int32(whole - first))


@exact_helper
def exponential_in_float64(x):
    return math.exp(x)


def exponential(x: Any) -> Any:
    """e^x, for use in a kernel."""
    raise NotImplementedError


@overload(exponential, jit_options={"forceinline": True})
def _exponential(x):
    if x == types.float32:
        return lambda x: exponential_in_float32(x)
    return lambda x: exponential_in_float64(x)
