"""Normalisation and dropout."""

from __future__ import annotations

from typing import Any

import tinyconv as tc
from operation_cases.case import IMAGES, after, case, normal, positive, separated
from tinyconv.ops import dispatch, dropout, normalization


def seeded(function: Any, x: tc.Tensor) -> tc.Tensor:
    tc.manual_seed(5)
    return function(x, 0.4, training=True)


def frozen_batch_norm(function: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
    return function(x, mean, variance, weight, bias, training=False, eps=1e-3)


def training_batch_norm(function: Any, x: Any, weight: Any, bias: Any) -> Any:
    return function(x, None, None, weight, bias, training=True, eps=1e-3)


def own_instance_norm(function: Any, x: Any, weight: Any, bias: Any) -> Any:
    return function(x, None, None, weight, bias, eps=1e-3)


def frozen_instance_norm(function: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
    return function(x, mean, variance, weight, bias, use_input_stats=False, eps=1e-3)


def over_last(*shape: int) -> Any:
    return lambda function, *tensors: function(tensors[0], shape, *tensors[1:], eps=1e-3)


CASES = [
    case(normalization.batch_norm, normal(3, 4, 2, 3), positive(4), normal(4), call=training_batch_norm),
    *(
        case(normalization.batch_norm, normal(*x), positive(4), normal(4), call=training_batch_norm, label=label)
        for label, x in (("rows", (5, 4)), ("sequences", (3, 4, 5)), ("volumes", (2, 4, 2, 3, 2)))
    ),
    case(
        normalization.batch_norm,
        normal(3, 2, 2, 3),
        call=lambda f, x: f(x, None, None, training=True),
        label="no weight",
    ),
    *(
        case(
            function,
            normal(*x),
            positive(2),
            normal(2),
            normal(2),
            positive(2),
            constants=(3, 4),
            call=call,
            label=label,
        )
        for function, call, label, x in (
            (normalization.batch_norm, frozen_batch_norm, "frozen", (3, 2, 2, 3)),
            (normalization.batch_norm, frozen_batch_norm, "frozen rows", (4, 2)),
            (normalization.batch_norm, frozen_batch_norm, "frozen sequences", (3, 2, 5)),
            (normalization.batch_norm, frozen_batch_norm, "frozen volumes", (2, 2, 2, 1, 3)),
            (normalization.instance_norm, frozen_instance_norm, "frozen", (3, 2, 2, 3)),
            (normalization.instance_norm, frozen_instance_norm, "frozen volumes", (2, 2, 2, 1, 3)),
        )
    ),
    *(
        case(normalization.instance_norm, normal(*x), positive(4), normal(4), call=own_instance_norm, label=label)
        for label, x in (("images", (2, 4, 2, 3)), ("sequences", (2, 4, 5)), ("volumes", (2, 4, 2, 1, 2)))
    ),
    case(normalization.instance_norm, normal(2, 3, 2, 3), call=lambda f, x: f(x, eps=1e-3), label="no weight"),
    *(
        case(normalization.group_norm, normal(*x), positive(4), normal(4), call=call, label=label)
        for label, x, call in (
            ("pairs", (3, 4, 2, 3), lambda f, x, w, b: f(x, 2, w, b, eps=1e-3)),
            ("whole images", (2, 4, 2, 3), lambda f, x, w, b: f(x, 1, w, b, eps=1e-3)),
            ("sequences", (2, 4, 5), lambda f, x, w, b: f(x, 2, w, b, eps=1e-3)),
            ("rows", (3, 4), lambda f, x, w, b: f(x, 2, w, b, eps=1e-3)),
            ("volumes", (2, 4, 2, 1, 2), lambda f, x, w, b: f(x, 2, w, b, eps=1e-3)),
        )
    ),
    case(normalization.group_norm, normal(2, 4, 2, 3), call=lambda f, x: f(x, 2, eps=1e-3), label="no weight"),
    *(
        case(normalization.layer_norm, normal(*x), positive(*last), normal(*last), call=over_last(*last), label=label)
        for label, x, last in (
            ("rows", (5, 4), (4,)),
            ("whole images", (2, 3, 2, 4), (3, 2, 4)),
            ("planes", (2, 3, 2, 4), (2, 4)),
            ("columns", (2, 3, 2, 4), (4,)),
            ("one sample", (3, 4), (3, 4)),
            ("whole volumes", (2, 2, 2, 1, 3), (2, 2, 1, 3)),
        )
    ),
    case(normalization.layer_norm, normal(2, 3, 4), call=over_last(3, 4), label="no weight"),
    case(normalization.rms_norm, normal(5, 4), positive(4), call=over_last(4)),
    case(normalization.rms_norm, normal(2, 3, 2, 4), positive(3, 2, 4), call=over_last(3, 2, 4), label="whole images"),
    case(normalization.rms_norm, normal(2, 3, 4), call=over_last(3, 4), label="no weight"),
    *(
        case(normalization.local_response_norm, normal(*x), size=size, alpha=0.5, beta=0.7, k=1.2, label=label)
        for label, x, size in (
            ("odd", (2, 5, 2, 3), 3),
            ("even", (2, 5, 2, 3), 4),
            ("wider than the channels", (2, 3, 4), 9),
            ("volumes", (2, 3, 2, 2, 2), 2),
        )
    ),
    case(normalization.normalize, separated(3, 4)),
    case(normalization.normalize, separated(2, 3, 2, 4), p=3.0, dim=(1, 2), label="cubes of planes"),
    *(
        case(function, normal(*x), call=seeded, torch=None, label=label)
        for function, label, x in (
            (dropout.dropout, "rows", (3, 4)),
            (dropout.dropout, "images", IMAGES),
            (dropout.dropout1d, "sequences", (3, 4, 5)),
            (dropout.dropout1d, "one sequence", (4, 5)),
            (dropout.dropout2d, "images", IMAGES),
            (dropout.alpha_dropout, "images", IMAGES),
            (dropout.feature_alpha_dropout, "images", IMAGES),
            (dropout.feature_alpha_dropout, "rows", (3, 4)),
        )
    ),
    case(dispatch.cast, normal(2, 3), call=after(tc.float64), torch=None),
]
