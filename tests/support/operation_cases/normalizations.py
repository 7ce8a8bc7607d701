"""Normalisation and dropout."""

from __future__ import annotations

from typing import Any

import tinyconv as tc
from operation_cases.case import IMAGES, after, case, normal, positive
from tinyconv.ops import dispatch, normalization, random


def seeded_dropout(function: Any, x: tc.Tensor, **keywords: Any) -> tc.Tensor:
    tc.manual_seed(5)
    return function(x, 0.4, **keywords)


def frozen_batch_norm(function: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
    return function(x, mean, variance, weight, bias, training=False, eps=1e-3)


def training_batch_norm(function: Any, x: Any, weight: Any, bias: Any) -> Any:
    return function(x, None, None, weight, bias, training=True, eps=1e-3)


CASES = [
    case(normalization.batch_norm, normal(3, 4, 2, 3), positive(4), normal(4), call=training_batch_norm),
    case(normalization.batch_norm, normal(5, 4), positive(4), normal(4), call=training_batch_norm, label="rows"),
    case(
        normalization.batch_norm,
        normal(3, 2, 2, 3),
        call=lambda f, x: f(x, None, None, training=True),
        label="no weight",
    ),
    *(
        case(
            normalization.batch_norm,
            normal(*x),
            positive(2),
            normal(2),
            normal(2),
            positive(2),
            constants=(3, 4),
            call=frozen_batch_norm,
            label=label,
        )
        for label, x in (("frozen", (3, 2, 2, 3)), ("frozen rows", (4, 2)))
    ),
    case(random.dropout, normal(3, 4), call=seeded_dropout, torch=None),
    case(random.dropout, normal(*IMAGES), call=seeded_dropout, torch=None, label="images"),
    case(dispatch.cast, normal(2, 3), call=after(tc.float64), torch=None),
]
