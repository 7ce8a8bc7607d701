"""Activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinyconv as tc
from operation_cases.case import IMAGES, Draw, case, normal, positive, separated
from tinyconv.ops.activation import (
    gated_activation,
    hard_activation,
    rectifier,
    sloped_rectifier,
    soft_activation,
    softmax,
)


def wide(*shape: int) -> Draw:
    """Numbers of both signs up to 4 or so, none near a multiple of 1/2, where some function has a kink."""
    return lambda generator: generator.integers(-8, 8, shape) / 2 + generator.uniform(0.1, 0.4, shape)


def written(*options: Any) -> Callable[..., Any]:
    """For functions that write into their first argument: on a copy, which is no leaf."""
    return lambda function, x: function(x.clone(), *options)


def seeded(function: Any, x: tc.Tensor) -> tc.Tensor:
    tc.manual_seed(5)
    return function(x, training=True)


KINKED = (
    (rectifier.relu6, {}),
    (rectifier.hardtanh, {}),
    (rectifier.hardtanh, {"min_val": -0.5, "max_val": 2.0}),
    (rectifier.threshold, {"threshold": 0.5, "value": -3.0}),
    (sloped_rectifier.leaky_relu, {}),
    (sloped_rectifier.leaky_relu, {"negative_slope": -0.3}),
    (hard_activation.hardshrink, {}),
    (hard_activation.softshrink, {"lambd": 1.0}),
    (hard_activation.hardswish, {}),
)

SMOOTH = (
    (soft_activation.elu, {"alpha": 1.5}),
    (soft_activation.selu, {}),
    (soft_activation.celu, {"alpha": 0.5}),
    (soft_activation.softplus, {"beta": 2.0}),
    (soft_activation.softplus, {"threshold": 1.0}),
    (soft_activation.softsign, {}),
    (soft_activation.tanhshrink, {}),
    (soft_activation.logsigmoid, {}),
    (gated_activation.gelu, {}),
    (gated_activation.gelu, {"approximate": "tanh"}),
    (gated_activation.silu, {}),
    (gated_activation.mish, {}),
)

CASES = [
    case(rectifier.relu, separated(2, 3)),
    case(rectifier.relu, separated(*IMAGES), label="images"),
    *(case(function, wide(3, 5), label=str(options), **options) for function, options in KINKED + SMOOTH),
    *(case(function, wide(2, 3, 3, 4), label="images", **options) for function, options in KINKED[-2:] + SMOOTH[-2:]),
    # The gradient of PyTorch's has a 1/6 in it that was rounded to float32.
    case(hard_activation.hardsigmoid, wide(3, 5), torch=None),
    case(hard_activation.hardsigmoid, wide(2, 3, 3, 4), torch=None, label="images"),
    case(rectifier.relu_, wide(2, 3), call=written()),
    case(rectifier.hardtanh_, wide(2, 3), call=written()),
    case(rectifier.threshold_, wide(2, 3), call=written(0.5, -1.0)),
    case(sloped_rectifier.leaky_relu_, wide(2, 3), call=written(0.3)),
    case(sloped_rectifier.rrelu_, wide(2, 3), call=written(0.2, 0.4)),
    case(soft_activation.elu_, wide(2, 3), call=written(0.5)),
    case(soft_activation.selu_, wide(2, 3), call=written()),
    case(soft_activation.celu_, wide(2, 3), call=written(0.5)),
    case(sloped_rectifier.prelu, wide(2, 3), positive(3)),
    case(sloped_rectifier.prelu, wide(2, 3, 3, 4), positive(3), label="images"),
    case(sloped_rectifier.prelu, wide(4), positive(1), label="one weight"),
    case(sloped_rectifier.prelu, wide(2, 3, 2), positive(), label="a number"),
    case(sloped_rectifier.rrelu, wide(3, 5), lower=0.2, upper=0.4),
    case(sloped_rectifier.rrelu, wide(2, 3, 3, 4), call=seeded, torch=None, label="training"),
    case(gated_activation.glu, normal(2, 4)),
    case(gated_activation.glu, normal(2, 4, 3, 2), dim=1, label="images"),
    case(softmax.softmax, normal(2, 5), dim=1),
    case(softmax.softmax, normal(*IMAGES), dim=1, label="images"),
    case(softmax.softmin, normal(2, 5), dim=0),
    case(softmax.log_softmax, normal(2, 5), dim=-1),
    case(softmax.log_softmax, normal(*IMAGES), dim=1, label="images"),
]
