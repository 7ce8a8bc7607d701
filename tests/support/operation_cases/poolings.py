"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinyconv as tc
from operation_cases.case import IMAGES, Draw, case, normal, positive, separated
from tinyconv.ops import pooling

SEQUENCES = (2, 3, 7)


def places(*shape: int, among: int) -> Draw:
    """For every plane, different places among its pixels: (N, C, ...) with as many as the last dimensions hold."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        planes, count = shape[:2], int(np.prod(shape[2:]))
        chosen = [generator.permutation(among)[:count] for _ in range(int(np.prod(planes)))]
        return np.array(chosen, np.int64).reshape(shape)

    return draw


def unpool(function: Any, x: tc.Tensor, indices: tc.Tensor, **keywords: Any) -> tc.Tensor:
    """The drawn places are beyond PyTorch's own pooling, and what it does with them is the same."""
    return function(x, indices, 2, **keywords)


CASES = [
    *(
        case(pooling.max_pool2d, separated(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", IMAGES, {"kernel_size": 2}),
            ("overlapping", IMAGES, {"kernel_size": 3, "stride": (1, 2), "padding": 1}),
            ("ceil", (1, 2, 6, 5), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            ("dilated", (1, 2, 6, 7), {"kernel_size": (2, 3), "stride": 1, "dilation": 2}),
            ("indices", IMAGES, {"kernel_size": 2, "return_indices": True}),
            ("one image", (2, 4, 6), {"kernel_size": 2}),
        )
    ),
    *(
        case(pooling.max_pool1d, separated(*x), label=label, **keywords)
        for label, x, keywords in (
            ("overlapping", SEQUENCES, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
            ("dilated", SEQUENCES, {"kernel_size": 2, "dilation": 3, "stride": 1, "return_indices": True}),
            ("one sequence", (3, 7), {"kernel_size": 2}),
        )
    ),
    *(
        case(pooling.avg_pool2d, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", IMAGES, {"kernel_size": 2}),
            ("padded", IMAGES, {"kernel_size": 3, "stride": (1, 2), "padding": 1}),
            ("padding left out", IMAGES, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
            ("ceil", (1, 2, 6, 6), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            ("divisor", IMAGES, {"kernel_size": 2, "divisor_override": 3}),
            ("one image", (2, 4, 6), {"kernel_size": 2}),
        )
    ),
    case(pooling.avg_pool1d, normal(*SEQUENCES), kernel_size=3, stride=2, padding=1, ceil_mode=True),
    case(pooling.avg_pool1d, normal(3, 7), kernel_size=2, label="one sequence"),
    *(
        case(pooling.lp_pool2d, positive(*x), label=label, **keywords)
        for label, x, keywords in (
            ("squares", IMAGES, {"norm_type": 2, "kernel_size": 2}),
            ("overlapping", IMAGES, {"norm_type": 1.5, "kernel_size": 3, "stride": (1, 2), "ceil_mode": True}),
            ("sums", IMAGES, {"norm_type": 1, "kernel_size": 2}),
            ("one image", (2, 4, 6), {"norm_type": 3, "kernel_size": 2}),
        )
    ),
    case(pooling.lp_pool2d, separated(*IMAGES), norm_type=2, kernel_size=2, label="both signs"),
    case(pooling.lp_pool2d, separated(*IMAGES), norm_type=float("inf"), kernel_size=2, label="maxima"),
    case(pooling.lp_pool1d, positive(*SEQUENCES), norm_type=2, kernel_size=3, stride=2),
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=1),
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=(3, None), label="uneven"),
    case(pooling.adaptive_avg_pool2d, normal(2, 5, 6), output_size=(2, 4), label="one image"),
    case(pooling.adaptive_avg_pool1d, normal(*SEQUENCES), output_size=3),
    case(pooling.adaptive_max_pool2d, separated(*IMAGES), output_size=1),
    case(pooling.adaptive_max_pool2d, separated(*IMAGES), output_size=(3, None), return_indices=True, label="uneven"),
    case(pooling.adaptive_max_pool1d, separated(*SEQUENCES), output_size=3),
    case(pooling.max_unpool2d, normal(2, 3, 2, 3), places(2, 3, 2, 3, among=24), call=unpool),
    case(pooling.max_unpool1d, normal(2, 3, 3), places(2, 3, 3, among=6), call=unpool),
]
