"""Convolution of signals, images and volumes, transposed and locally connected too: functions and layers.

Not drawn: images without channels, which tinyconv refuses, and integers, which it does not convolve.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import seeds
from parity.entry import Call, Entry, call, ones

GROUPS = [(1, 1, 1), (1, 3, 2), (1, 2, 5), (2, 2, 3), (3, 1, 1), (2, 1, 2), (3, 2, 1)]
"""(groups, channels of one group, outputs of one group)."""


def sized(values: list[int], draw: Any) -> Any:
    """A number for all directions, where they agree and chance has it, or a tuple."""
    return values[0] if len(set(values)) == 1 and draw(st.booleans()) else tuple(values)


@st.composite
def convolutions(draw: Any, rank: int, layer: bool = False, modes: tuple[str, ...] = ("zeros",)) -> Call:
    """Inputs at least as large as the dilated kernel needs; ragged sizes, strides beyond the kernel."""
    groups, channels, outputs = draw(st.sampled_from(GROUPS))
    numbers = lambda low, high: draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))  # noqa: E731
    kernel, stride, dilation, extra = numbers(1, 3), numbers(1, 4), numbers(1, 3), numbers(0, 4)
    padding: Any = numbers(0, 2)
    mode = draw(st.sampled_from(modes))
    named = draw(st.sampled_from([None, None, "same", "valid"]))
    if named is not None:
        padding = named
        stride = [1] * rank if named == "same" else stride
    margins = [0] * rank if isinstance(padding, str) else padding
    least = [max(1, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, margins, strict=True)]
    if mode != "zeros":  # a reflection reaches no further than the image, a circle once around
        widest = [
            d * (k - 1) if isinstance(padding, str) else p for k, d, p in zip(kernel, dilation, margins, strict=True)
        ]
        least = [max(size, reach + 1) for size, reach in zip(least, widest, strict=True)]
    size = [low + more for low, more in zip(least, extra, strict=True)]
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    generator = np.random.default_rng(draw(seeds))
    x = generator.standard_normal((*batch, groups * channels, *size))
    given = padding if isinstance(padding, str) else sized(padding, draw)
    common = {"stride": sized(stride, draw), "padding": given, "dilation": sized(dilation, draw), "groups": groups}
    bias = draw(st.booleans())
    if layer:
        made = call(groups * channels, groups * outputs, sized(kernel, draw), **common, bias=bias, padding_mode=mode)
        return made.on(x)
    weight = generator.standard_normal((groups * outputs, channels, *kernel))
    return call(x, weight, generator.standard_normal(groups * outputs) if bias else None, **common)


@st.composite
def transposed(draw: Any, rank: int, layer: bool = False) -> Call:
    """Results of at least one pixel; output paddings below the stride or the dilation."""
    groups, channels, outputs = draw(st.sampled_from(GROUPS))
    numbers = lambda low, high: draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))  # noqa: E731
    kernel, stride, dilation, size = numbers(1, 3), numbers(1, 4), numbers(1, 3), numbers(1, 4)
    extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    axes = zip(size, kernel, stride, dilation, extra, strict=True)
    whole = [(n - 1) * s + d * (k - 1) + e + 1 for n, k, s, d, e in axes]
    padding = [draw(st.integers(0, min(3, (length - 1) // 2))) for length in whole]
    batch = draw(st.sampled_from([(), (0,), (1,), (3,)]))
    generator = np.random.default_rng(draw(seeds))
    x = generator.standard_normal((*batch, groups * channels, *size))
    common = {
        "stride": sized(stride, draw),
        "padding": sized(padding, draw),
        "output_padding": sized(extra, draw),
        "groups": groups,
        "dilation": sized(dilation, draw),
    }
    bias = draw(st.booleans())
    if layer:
        made = call(groups * channels, groups * outputs, sized(kernel, draw), **common, bias=bias)
        if draw(st.booleans()):
            return made.on(x)
        steps = [draw(st.integers(0, s - 1)) for s in stride]
        wanted = [
            length - more - 2 * p + step for length, more, p, step in zip(whole, extra, padding, steps, strict=True)
        ]
        if min(wanted) < 1:
            return made.on(x)
        leading = [1, 1] if batch and draw(st.booleans()) else []  # PyTorch looks at the last entries only
        return made.on(x, output_size=leading + wanted)
    weight = generator.standard_normal((groups * channels, outputs, *kernel))
    return call(x, weight, generator.standard_normal(groups * outputs) if bias else None, **common)


def bad_convolutions(rank: int) -> tuple[Call, ...]:
    side, kernel = (8,) * rank, (3,) * rank
    x, weight = ones(2, 4, *side), ones(6, 4, *kernel)
    return (
        call(ones(2, 3, *side), weight),
        call(ones(*side), weight) if rank == 1 else call(ones(2, 4), weight),
        call(x, ones(6, 4)),
        call(x, ones(0, 4, *kernel)),
        call(ones(2, 4, *(2,) * rank), weight),
        call(ones(2, 4, *(0,) * rank), weight, padding=2),
        call(x, weight, ones(5)),
        call(x, weight, stride=0),
        call(x, weight, stride=(1,) * (rank + 1)),
        call(x, weight, padding=-1),
        call(x, weight, padding="full"),
        call(x, weight, padding="same", stride=2),
        call(x, weight, dilation=0),
        call(x, weight, dilation=4),
        call(x, weight, groups=2),
        call(x, weight, groups=0),
        call(x, weight, stride=1.5),
        call(x.astype(np.float64), weight.astype(np.int64)),
    )


def bad_transposed(rank: int) -> tuple[Call, ...]:
    side, kernel = (4,) * rank, (3,) * rank
    x, weight = ones(2, 4, *side), ones(4, 6, *kernel)
    return (
        call(ones(2, 3, *side), weight),
        call(ones(*side), weight) if rank == 1 else call(ones(2, 4), weight),
        call(x, ones(4, 6)),
        call(x, weight, ones(5)),
        call(x, weight, stride=0),
        call(x, weight, padding=-1),
        call(x, weight, padding=4),
        call(x, weight, padding="same"),
        call(x, weight, output_padding=1),
        call(x, weight, output_padding=-1, stride=2),
        call(x, weight, output_padding=(2,) * rank, stride=2, dilation=2),
        call(x, weight, groups=3),
        call(x, weight, dilation=0),
        call(ones(2, 4, *(0,) * rank), weight),
    )


def bad_layers(rank: int) -> tuple[Call, ...]:
    x = ones(2, 4, *(8,) * rank)
    return (
        call(4, 6, 3, groups=4).on(x),
        call(4, 6, 3, groups=3).on(x),
        call(4, 6, 3, groups=0).on(x),
        call(4, 6, 3, padding="same", stride=2).on(x),
        call(4, 6, 3, padding="full").on(x),
        call(4, 6, 3, padding_mode="mirror").on(x),
        call(4, 6, 3, padding_mode="reflect", padding=8).on(x),
        call(4, 6, (3,) * (rank + 2)).on(x),
        call(3, 6, 3).on(x),
        call(4, 6, 9).on(x),
    )


def bad_transposed_layers(rank: int) -> tuple[Call, ...]:
    x = ones(2, 4, *(3,) * rank)
    return (
        call(4, 6, 3, padding_mode="reflect").on(x),
        call(4, 6, 3, groups=3).on(x),
        call(3, 6, 3).on(x),
        call(4, 6, 3, output_padding=1).on(x),
        call(4, 6, 3, stride=2).on(x, output_size=(9,) * rank),
        call(4, 6, 3, stride=2).on(x, output_size=(6,) * rank),
        call(4, 6, 3, stride=2).on(x, output_size=(7,) * (rank + 1)),
        call(4, 6, 3, padding="same").on(x),
    )


ENTRIES = [
    Entry("F.conv1d", calls=convolutions(1), bad=bad_convolutions(1), example_count=25),
    Entry("F.conv2d", calls=convolutions(2), bad=bad_convolutions(2), example_count=25),
    Entry("F.conv_transpose1d", calls=transposed(1), bad=bad_transposed(1), example_count=25),
    Entry("F.conv_transpose2d", calls=transposed(2), bad=bad_transposed(2), example_count=25),
    Entry("F.conv3d", calls=convolutions(3), bad=bad_convolutions(3), example_count=15),
    Entry("F.conv_transpose3d", calls=transposed(3), bad=bad_transposed(3), example_count=15),
    *(
        Entry(
            f"nn.Conv{rank}d",
            calls=convolutions(rank, layer=True, modes=("zeros", "reflect", "replicate", "circular")),
            bad=bad_layers(rank),
            example_count=15 if rank < 3 else 6,
        )
        for rank in (1, 2, 3)
    ),
    *(
        Entry(
            f"nn.ConvTranspose{rank}d",
            calls=transposed(rank, layer=True),
            bad=bad_transposed_layers(rank),
            example_count=15 if rank < 3 else 6,
        )
        for rank in (1, 2, 3)
    ),
    Entry(
        "F.locally_connected2d",
        "nn.LocallyConnected2d",
        ours_only="PyTorch has no layer whose weights differ from pixel to pixel; tests/ops/test_locally_connected.py",
    ),
]
