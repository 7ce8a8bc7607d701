"""Arithmetic and functions of one element."""

from __future__ import annotations

from operation_cases.case import after, away_from_integers, booleans, case, normal, positive, separated
from tinyconv.ops import arithmetic, elementwise

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
    case(arithmetic.mul, normal(2, 3), call=after(2.5), label="number"),
    case(arithmetic.pow, positive(2, 3), normal(3)),
    case(arithmetic.pow, normal(2, 3), call=after(2), label="square"),
    case(arithmetic.pow, normal(2, 3), call=after(3), label="cube of both signs"),
    case(arithmetic.pow, positive(2, 3), call=after(-0.5), label="negative"),
    case(arithmetic.maximum, separated(2, 3), call=lambda f, x: f(x, x.flip(1) * 0.7), torch=None),
    case(arithmetic.minimum, separated(2, 3), call=lambda f, x: f(x, x.flip(1) * 0.7), torch=None),
    case(arithmetic.maximum, separated(2, 3), positive(3, low=0.01, high=0.02), label="broadcast"),
    case(arithmetic.minimum, separated(2, 3), positive(3, low=0.01, high=0.02), label="broadcast"),
    case(arithmetic.where, booleans(2, 3), normal(2, 3), normal(3)),
    case(arithmetic.where, booleans(3), normal(2, 3), normal(2, 1), label="broadcast condition"),
    case(arithmetic.floor_divide, positive(2, 3, low=0.6, high=0.9), positive(3, low=0.2, high=0.29)),
    case(arithmetic.remainder, positive(2, 3, low=0.6, high=0.85), positive(3, low=0.22, high=0.28)),
    *(
        case(function, normal(2, 3))
        for function in (
            elementwise.exp,
            elementwise.expm1,
            elementwise.square,
            elementwise.sin,
            elementwise.cos,
            elementwise.tanh,
            elementwise.sigmoid,
            elementwise.neg,
        )
    ),
    case(elementwise.abs, separated(2, 3)),
    case(elementwise.log, positive(2, 3)),
    case(elementwise.log1p, positive(2, 3)),
    case(elementwise.sqrt, positive(2, 3)),
    case(elementwise.rsqrt, positive(2, 3)),
    case(elementwise.reciprocal, positive(2, 3)),
    *(case(function, away_from_integers(2, 3)) for function in (elementwise.sign, elementwise.floor, elementwise.ceil)),
    case(elementwise.round, positive(2, 3, low=0.6, high=1.4)),
    case(elementwise.fill, normal(2, 3), call=after(1.5), torch=None),
    case(elementwise.clamp, separated(2, 3), min=-0.3, max=0.3),
    case(elementwise.clamp, separated(2, 3), min=-0.3, label="below only"),
]
