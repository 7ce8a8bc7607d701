"""Convolution, transposed and locally connected too, padding, patches, interpolation and shuffles."""

from __future__ import annotations

from operation_cases.case import IMAGES, after, case, normal
from tinyconv.ops.convolution import functions, locally_connected, patches, transposed_convolution
from tinyconv.ops.resizing import interpolation, padding, pixel_shuffle

CASES = [
    *(
        case(functions.conv2d, normal(*x), normal(*weight), normal(weight[0]), label=label, **keywords)
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
    case(functions.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="no bias", padding=1),
    case(functions.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant input", constants=(0,)),
    case(functions.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant weight", constants=(1,)),
    *(
        case(functions.conv1d, normal(*x), normal(*weight), normal(weight[0]), label=label, **keywords)
        for label, x, weight, keywords in (
            ("plain", (2, 2, 5), (3, 2, 3), {}),
            ("strided", (2, 2, 8), (2, 2, 3), {"stride": 3, "padding": 2}),
            ("dilated", (1, 2, 7), (2, 2, 3), {"dilation": (2,), "padding": 1}),
            ("grouped", (2, 4, 5), (6, 2, 3), {"groups": 2, "padding": "valid"}),
            ("depthwise", (1, 3, 6), (3, 1, 4), {"groups": 3, "padding": "same"}),
            ("one signal", (2, 5), (3, 2, 2), {}),
            ("1x1", (2, 3, 4), (2, 3, 1), {}),
        )
    ),
    case(functions.conv1d, normal(2, 2, 5), normal(2, 2, 3), label="no bias", padding=1),
    *(
        case(
            functions.conv2d_relu,
            normal(2, 4, 4, 5),
            normal(6, 4 // groups, 3, 2),
            normal(6),
            label=label,
            stride=stride,
            padding=1,
            dilation=1,
            groups=groups,
            torch=lambda *x, stride=stride, groups=groups: (
                __import__("torch").nn.functional.conv2d(*x, stride=stride, padding=1, groups=groups).relu()
            ),
        )
        for label, stride, groups in (("plain", 1, 1), ("strided", 2, 1), ("grouped", 1, 2))
    ),
    *(
        case(
            transposed_convolution.conv_transpose2d,
            normal(*x),
            normal(*weight),
            normal(weight[1] * keywords.get("groups", 1)),
            label=label,
            **keywords,
        )
        for label, x, weight, keywords in (
            ("plain", (2, 2, 3, 4), (2, 3, 3, 2), {}),
            ("strided", (1, 2, 3, 2), (2, 2, 3, 3), {"stride": (2, 3), "padding": (1, 2), "output_padding": (1, 2)}),
            ("dilated", (1, 2, 3, 4), (2, 2, 2, 3), {"dilation": (2, 1), "padding": 1, "output_padding": (1, 0)}),
            ("more than the stride", (1, 2, 3, 4), (2, 2, 2, 3), {"dilation": 3, "padding": 2, "output_padding": 2}),
            ("grouped", (2, 4, 3, 3), (4, 3, 3, 3), {"groups": 2, "padding": 1}),
            ("depthwise", (1, 3, 3, 4), (3, 1, 3, 3), {"groups": 3, "stride": 2}),
            ("depthwise, fewer outputs", (1, 4, 3, 3), (4, 1, 3, 3), {"groups": 2}),
            ("stride beyond the kernel", (1, 2, 2, 2), (2, 1, 1, 2), {"stride": 3}),
            ("one image", (2, 3, 3), (2, 3, 3, 3), {}),
            ("1x1", (2, 3, 2, 2), (3, 2, 1, 1), {}),
        )
    ),
    case(transposed_convolution.conv_transpose2d, normal(1, 2, 3, 3), normal(2, 2, 3, 3), label="no bias", stride=2),
    *(
        case(
            transposed_convolution.conv_transpose1d,
            normal(*x),
            normal(*weight),
            normal(weight[1] * keywords.get("groups", 1)),
            label=label,
            **keywords,
        )
        for label, x, weight, keywords in (
            ("plain", (2, 2, 4), (2, 3, 3), {}),
            ("strided", (2, 2, 3), (2, 2, 4), {"stride": 3, "padding": 1, "output_padding": 2}),
            ("grouped", (2, 4, 3), (4, 3, 3), {"groups": 2, "dilation": 2}),
            ("output beyond the stride", (1, 2, 4), (2, 2, 2), {"dilation": 3, "padding": 2, "output_padding": 2}),
            ("one signal", (2, 3), (2, 3, 3), {}),
        )
    ),
    *(
        case(
            locally_connected.locally_connected2d,
            normal(*x),
            normal(*weight),
            *bias,
            label=label,
            torch=None,
            **keywords,
        )
        for label, x, weight, bias, keywords in (
            ("plain", (2, 2, 4, 5), (3, 4, 3, 2, 2, 2), (normal(3, 3, 4),), {}),
            ("strided", (2, 1, 5, 4), (2, 3, 2, 1, 3, 2), (), {"stride": 2, "padding": (0, 1)}),
            ("dilated", (1, 2, 5, 5), (3, 3, 2, 2, 2, 2), (normal(2, 3, 3),), {"dilation": 2}),
            ("pointwise", (3, 1, 2, 2), (2, 2, 2, 1, 1, 1), (), {}),
            ("one image", (2, 3, 3), (2, 2, 2, 2, 2, 2), (normal(2, 2, 2),), {}),
        )
    ),
    *(
        case(padding.pad, normal(*x), call=after(margins, *how), label=label)
        for label, x, margins, how in (
            ("zeros", IMAGES, (1, 2, 0, 3), ()),
            ("number", (2, 3), (1, 0), ("constant", 1.5)),
            ("channels", IMAGES, (0, 0, 0, 0, 1, 2), ()),
            ("crop and zeros", IMAGES, (-1, 2, 1, -3), ()),
            ("reflect", IMAGES, (2, 1, 0, 3), ("reflect",)),
            ("reflect and crop", IMAGES, (-2, 5, 1, 1), ("reflect",)),
            ("reflected signal", (2, 3, 4), (3, 3), ("reflect",)),
            ("replicate", IMAGES, (2, 1, 0, 7), ("replicate",)),
            ("replicated signal", (3, 4), (2, -1), ("replicate",)),
            ("circular", IMAGES, (6, 1, 0, 5), ("circular",)),
            ("circular volume", (1, 2, 2, 3, 2), (1, 1, 0, 2, 2, 1), ("circular",)),
        )
    ),
    *(
        case(patches.unfold, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", (2, 2, 4, 3), {"kernel_size": (2, 3)}),
            ("strided", (1, 2, 5, 6), {"kernel_size": 3, "stride": (2, 3), "padding": (1, 2)}),
            ("dilated", (1, 2, 6, 5), {"kernel_size": (3, 2), "dilation": (2, 3), "padding": 1}),
            ("padding beyond the kernel", (1, 1, 2, 2), {"kernel_size": 2, "padding": 3, "stride": 2}),
            ("one image", (2, 4, 3), {"kernel_size": 2}),
        )
    ),
    *(
        case(patches.fold, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", (2, 12, 3), {"output_size": (4, 3), "kernel_size": (2, 3)}),
            ("strided", (1, 18, 9), {"output_size": (5, 6), "kernel_size": 3, "stride": (2, 3), "padding": (1, 2)}),
            ("dilated", (1, 18, 12), {"output_size": (6, 5), "kernel_size": 3, "dilation": 2, "padding": 1}),
            ("one image", (8, 6), {"output_size": (4, 3), "kernel_size": 2}),
        )
    ),
    *(
        case(interpolation.interpolate, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("nearest", IMAGES, {"scale_factor": 2}),
            ("nearest, smaller", IMAGES, {"size": (3, 4)}),
            ("nearest-exact", IMAGES, {"size": (7, 4), "mode": "nearest-exact"}),
            ("nearest signal", (2, 3, 5), {"scale_factor": 1.7}),
            ("linear", (2, 3, 4), {"size": 7, "mode": "linear"}),
            ("bilinear", IMAGES, {"size": (8, 4), "mode": "bilinear"}),
            ("bilinear, corners", IMAGES, {"size": (8, 4), "mode": "bilinear", "align_corners": True}),
            ("bicubic", IMAGES, {"scale_factor": (1.5, 0.7), "mode": "bicubic"}),
            ("bicubic, corners", IMAGES, {"size": (3, 9), "mode": "bicubic", "align_corners": True}),
            ("area", IMAGES, {"size": (3, 4), "mode": "area"}),
            ("area of a signal", (2, 3, 7), {"size": 3, "mode": "area"}),
            ("same size", IMAGES, {"scale_factor": 1, "mode": "bilinear"}),
        )
    ),
    case(pixel_shuffle.pixel_shuffle, normal(2, 8, 2, 3), upscale_factor=2),
    case(pixel_shuffle.pixel_shuffle, normal(9, 2, 3), upscale_factor=3, label="one image"),
    case(pixel_shuffle.pixel_unshuffle, normal(2, 2, 4, 6), downscale_factor=2),
    case(pixel_shuffle.pixel_unshuffle, normal(2, 1, 2, 6, 3), downscale_factor=3, label="more dimensions"),
    case(pixel_shuffle.channel_shuffle, normal(2, 6, 2, 3), groups=3),
    case(pixel_shuffle.channel_shuffle, normal(2, 6, 2), groups=2, label="signal"),
]
