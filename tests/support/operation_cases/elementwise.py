"""Arithmetic and functions of one element."""

from __future__ import annotations

from operation_cases.case import after, away_from_integers, booleans, case, normal, positive, separated
from tinyconv.ops.elementwise import (
    arithmetic,
    bounds,
    combination,
    division,
    elementwise,
    exponential,
    hyperbolic,
    powers,
    rounding,
    selection,
    special,
    trigonometry,
)

SMOOTH = (
    *(elementwise.exp, elementwise.neg, elementwise.positive, elementwise.sigmoid, powers.square),
    *(exponential.exp2, exponential.expm1),
    *(trigonometry.sin, trigonometry.cos, trigonometry.atan, trigonometry.deg2rad, trigonometry.rad2deg),
    *(hyperbolic.sinh, hyperbolic.cosh, hyperbolic.tanh, hyperbolic.asinh, special.erf, special.erfc),
)
"""Functions that have derivatives everywhere."""

CASES = [
    *(
        case(function, normal(*first), positive(*second), label=label)
        for function in (arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div)
        for label, first, second in (
            ("same shape", (2, 3), (2, 3)),
            ("row", (2, 3), (3,)),
            ("outer", (2, 1), (1, 3)),
            ("scalar", (), (2, 3)),
            ("channels", (2, 3, 2, 2), (3, 1, 1)),
            ("channels of 4-D", (2, 3, 2, 2), (1, 3, 1, 1)),
            ("new dimension", (3,), (2, 2, 3)),
        )
    ),
    case(arithmetic.add, normal(2, 3), normal(3), alpha=2.5, label="alpha"),
    case(arithmetic.sub, normal(2, 3), normal(3), alpha=2.5, label="alpha"),
    case(arithmetic.rsub, normal(2, 3), normal(3), alpha=2.5),
    case(arithmetic.mul, normal(2, 3), call=after(2.5), label="number"),
    case(arithmetic.div, away_from_integers(2, 3), positive(low=1.0, high=1.0), rounding_mode="floor", label="floor"),
    case(arithmetic.div, away_from_integers(2, 3), positive(low=1.0, high=1.0), rounding_mode="trunc", label="trunc"),
    case(powers.pow, positive(2, 3), normal(3)),
    case(powers.pow, positive(2, 3, 2, 2), normal(3, 1, 1), label="channels"),
    case(powers.pow, normal(2, 3), call=after(2), label="square"),
    case(powers.pow, normal(2, 3), call=after(3), label="cube of both signs"),
    case(powers.pow, positive(2, 3), call=after(-0.5), label="negative"),
    case(powers.pow, normal(2, 3), call=lambda f, x: f(2.5, x), label="of a number"),
    case(powers.float_power, positive(2, 3), normal(3)),
    case(division.floor_divide, positive(2, 3, low=0.6, high=0.9), positive(3, low=0.2, high=0.29)),
    case(division.truncated, positive(2, 3, low=0.6, high=0.9), positive(3, low=0.2, high=0.29), torch=None),
    case(division.remainder, positive(2, 3, low=0.6, high=0.85), positive(3, low=0.22, high=0.28)),
    case(division.fmod, positive(2, 3, low=-0.85, high=-0.6), positive(3, low=0.22, high=0.28)),
    *(
        case(function, separated(2, 3), call=lambda f, x: f(x, x.flip(1) * 0.7), torch=None)
        for function in (bounds.maximum, bounds.minimum, bounds.fmax, bounds.fmin)
    ),
    *(
        case(function, separated(2, 3), positive(3, low=0.01, high=0.02), label="broadcast")
        for function in (bounds.maximum, bounds.minimum, bounds.fmax, bounds.fmin)
    ),
    case(bounds.clamp, separated(2, 3), min=-0.3, max=0.3),
    case(bounds.clamp, separated(2, 3), min=-0.3, label="below only"),
    case(bounds.clamp, separated(2, 3, 2, 2), max=0.3, label="above only, of images"),
    case(
        bounds.clamp,
        separated(2, 3),
        positive(3, low=-0.4, high=-0.36),
        positive(2, 1, low=0.36, high=0.44),
        label="tensors",
    ),
    case(
        bounds.clamp,
        separated(2, 3),
        positive(3, low=0.36, high=0.44),
        positive(1, low=-0.4, high=-0.36),
        label="reversed",
    ),
    case(bounds.clamp_min, separated(2, 3), call=after(-0.3)),
    case(bounds.clamp_max, separated(2, 3), call=after(0.3)),
    case(selection.where, booleans(2, 3), normal(2, 3), normal(3)),
    case(selection.where, booleans(3), normal(2, 3), normal(2, 1), label="broadcast condition"),
    case(selection.masked_fill, normal(2, 3), booleans(3), normal()),
    case(combination.lerp, normal(2, 3), normal(3), call=after(0.3), label="number"),
    case(
        combination.lerp, normal(2, 3, 2, 2), normal(3, 1, 1), positive(2, 1, 1, 1, low=0.2, high=0.8), label="tensor"
    ),
    case(combination.addcmul, normal(2, 3), normal(3), normal(2, 1), value=1.5),
    case(combination.addcdiv, normal(2, 3), normal(3), positive(2, 1), value=1.5),
    case(combination.copysign, separated(2, 3), separated(3)),
    case(combination.nan_to_num, normal(2, 3)),
    case(exponential.logaddexp, normal(2, 3), normal(3)),
    case(exponential.xlogy, normal(2, 3), positive(3)),
    case(exponential.logit, positive(2, 3, low=0.2, high=0.8)),
    case(exponential.logit, positive(2, 3, low=0.2, high=0.8), eps=0.1, label="eps"),
    case(trigonometry.atan2, separated(2, 3), positive(3)),
    case(trigonometry.hypot, separated(2, 3), positive(3)),
    *(case(function, normal(2, 3)) for function in SMOOTH),
    case(special.erf, normal(2, 3, 2, 2), label="images"),
    *(case(function, positive(2, 3)) for function in (elementwise.log, powers.sqrt, powers.rsqrt, powers.reciprocal)),
    *(case(f, positive(2, 3)) for f in (exponential.log1p, exponential.log2, exponential.log10)),
    case(elementwise.abs, separated(2, 3)),
    case(trigonometry.tan, positive(2, 3, low=-1.2, high=1.2)),
    case(trigonometry.asin, positive(2, 3, low=-0.8, high=0.8)),
    case(trigonometry.acos, positive(2, 3, low=-0.8, high=0.8)),
    case(trigonometry.sinc, separated(2, 3)),
    case(hyperbolic.acosh, positive(2, 3, low=1.3)),
    case(hyperbolic.atanh, positive(2, 3, low=-0.8, high=0.8)),
    case(special.erfinv, positive(2, 3, low=-0.8, high=0.8)),
    *(
        case(function, away_from_integers(2, 3))
        for function in (elementwise.sign, rounding.floor, rounding.ceil, rounding.trunc, rounding.frac)
    ),
    case(rounding.round, positive(2, 3, low=0.6, high=1.4)),
    case(rounding.round, positive(2, 3, low=1.31, high=1.34), decimals=1, label="decimals"),
    case(rounding.heaviside, separated(2, 3), normal(3), torch=None),  # PyTorch's has no backward
    case(elementwise.fill, normal(2, 3), call=after(1.5), torch=None),
]
