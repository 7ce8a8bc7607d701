"""Operations on volumes: convolution, transposed too, pooling and what puts maxima back, interpolation, dropout."""

from __future__ import annotations

from operation_cases.case import case, normal, positive, separated
from operation_cases.normalizations import seeded
from operation_cases.poolings import places, unpool
from tinyconv.ops import dropout, pooling
from tinyconv.ops.convolution import functions, transposed_convolution
from tinyconv.ops.resizing import interpolation

VOLUMES = (2, 2, 3, 4, 5)

CASES = [
    *(
        case(functions.conv3d, normal(*x), normal(*weight), normal(weight[0]), label=label, **keywords)
        for label, x, weight, keywords in (
            ("plain", (2, 2, 3, 3, 2), (2, 2, 2, 3, 1), {}),
            ("strided", (1, 1, 5, 3, 4), (2, 1, 3, 2, 3), {"stride": (2, 1, 3), "padding": (1, 0, 2)}),
            ("dilated", (1, 1, 5, 3, 4), (2, 1, 3, 2, 2), {"dilation": (2, 1, 3), "padding": (1, 0, 1)}),
            ("grouped", (1, 4, 2, 2, 1), (4, 2, 2, 2, 1), {"groups": 2, "padding": (1, 0, 0)}),
            ("same, even kernel", (1, 1, 3, 2, 3), (1, 1, 2, 1, 4), {"padding": "same"}),
            ("one volume", (2, 3, 2, 3), (2, 2, 2, 2, 2), {"padding": "valid"}),
            ("plane by plane", (1, 2, 2, 3, 2), (2, 2, 1, 3, 2), {"padding": (0, 1, 0)}),
            ("stride leaves a rest", (1, 1, 4, 4, 4), (1, 1, 3, 3, 3), {"stride": 2}),
        )
    ),
    case(functions.conv3d, normal(1, 1, 3, 3, 3), normal(2, 1, 2, 2, 2), label="no bias"),
    *(
        case(
            transposed_convolution.conv_transpose3d,
            normal(*x),
            normal(*weight),
            normal(weight[1] * keywords.get("groups", 1)),
            label=label,
            **keywords,
        )
        for label, x, weight, keywords in (
            ("plain", (2, 2, 2, 2, 3), (2, 3, 2, 3, 1), {}),
            (
                "strided",
                (1, 2, 2, 1, 2),
                (2, 2, 3, 2, 3),
                {"stride": (2, 3, 2), "padding": 1, "output_padding": (1, 2, 1)},
            ),
            ("grouped", (1, 4, 2, 2, 2), (4, 1, 2, 2, 2), {"groups": 2, "dilation": (2, 1, 1)}),
            ("one volume", (2, 2, 2, 2), (2, 1, 1, 2, 2), {}),
        )
    ),
    *(
        case(pooling.max_pool3d, separated(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", VOLUMES, {"kernel_size": 2}),
            ("overlapping", VOLUMES, {"kernel_size": 3, "stride": (1, 2, 2), "padding": 1}),
            ("ceil", VOLUMES, {"kernel_size": 2, "ceil_mode": True, "return_indices": True}),
            ("dilated", (1, 2, 5, 3, 4), {"kernel_size": (3, 1, 2), "stride": 1, "dilation": (2, 1, 3)}),
            ("one volume", (2, 2, 4, 4), {"kernel_size": (1, 2, 2)}),
        )
    ),
    *(
        case(pooling.avg_pool3d, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("padded", VOLUMES, {"kernel_size": 3, "stride": (1, 2, 2), "padding": 1}),
            ("padding left out", VOLUMES, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
            ("ceil", VOLUMES, {"kernel_size": 2, "ceil_mode": True}),
            ("divisor", (2, 3, 4, 4), {"kernel_size": 2, "divisor_override": 3}),
        )
    ),
    case(pooling.lp_pool3d, positive(*VOLUMES), norm_type=3, kernel_size=2, ceil_mode=True),
    case(pooling.adaptive_avg_pool3d, normal(*VOLUMES), output_size=(2, None, 3)),
    case(pooling.adaptive_max_pool3d, separated(*VOLUMES), output_size=(2, 3, 2), return_indices=True),
    case(pooling.max_unpool3d, normal(2, 3, 1, 2, 2), places(2, 3, 1, 2, 2, among=32), call=unpool),
    *(
        case(interpolation.interpolate, normal(*VOLUMES), label=label, **keywords)
        for label, keywords in (
            ("nearest volume", {"size": (5, 3, 5)}),
            ("trilinear", {"size": (5, 3, 6), "mode": "trilinear"}),
            ("trilinear, corners", {"size": (2, 6, 5), "mode": "trilinear", "align_corners": True}),
            ("area of a volume", {"size": 2, "mode": "area"}),
        )
    ),
    case(dropout.dropout3d, normal(*VOLUMES), call=seeded, torch=None),
]
