"""Pooling."""

from __future__ import annotations

from operation_cases.case import IMAGES, case, normal, separated
from tinyconv.ops import pooling

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
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=1),
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=(3, None), label="uneven"),
    case(pooling.adaptive_avg_pool2d, normal(2, 5, 6), output_size=(2, 4), label="one image"),
]
