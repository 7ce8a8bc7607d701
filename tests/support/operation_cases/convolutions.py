"""Convolution and padding."""

from __future__ import annotations

from operation_cases.case import after, case, normal
from tinyconv.ops import convolution, padding

CASES = [
    *(
        case(convolution.conv2d, normal(*x), normal(*weight), normal(weight[0]), label=label, **keywords)
        for label, x, weight, keywords in (
            ("plain", (2, 2, 5, 4), (3, 2, 3, 2), {}),
            ("strided", (1, 2, 6, 7), (2, 2, 3, 3), {"stride": (2, 3), "padding": (1, 2)}),
            ("dilated", (1, 2, 6, 7), (2, 2, 2, 3), {"dilation": (2, 2), "padding": 1}),
            ("grouped", (2, 4, 4, 4), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
            ("depthwise", (1, 3, 4, 5), (3, 1, 3, 3), {"groups": 3, "padding": "same"}),
            ("same, even kernel", (1, 2, 4, 5), (2, 2, 2, 4), {"padding": "same"}),
            ("one image", (2, 4, 4), (3, 2, 3, 3), {"padding": "valid"}),
            ("stride leaves a rest", (1, 1, 6, 6), (1, 1, 3, 3), {"stride": 2}),
            ("1x1", (2, 3, 2, 2), (2, 3, 1, 1), {}),
        )
    ),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="no bias", padding=1),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant input", constants=(0,)),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant weight", constants=(1,)),
    case(padding.zero_pad2d, normal(2, 2, 3, 3), call=after((1, 2, 0, 3)), torch=None),
]
