"""What gives images another size or shape: interpolation, patches, shuffles of pixels and channels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import filled, seeds
from parity.entry import Call, Entry, call, ones

RANKS = {
    **dict.fromkeys(("nearest", "nearest-exact", "area"), (1, 2, 3)),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}


@st.composite
def interpolations(draw: Any, layer: bool = False, modes: tuple[str, ...] = tuple(RANKS)) -> Call:
    mode = draw(st.sampled_from(modes))
    rank = draw(st.sampled_from(RANKS[mode]))
    size = draw(st.lists(st.integers(1, 7), min_size=rank, max_size=rank))
    x = np.random.default_rng(draw(seeds)).standard_normal((draw(st.sampled_from([0, 1, 2])), 2, *size))
    options: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        target = draw(st.lists(st.integers(1, 9), min_size=rank, max_size=rank))
        options["size"] = target[0] if draw(st.booleans()) else tuple(target)
    else:
        factors = [draw(st.floats(1 / length, 3.0)) for length in size]
        # Two roundings that PyTorch's own gradients of signals disagree with: theirs is that of another factor.
        rounded = [math.floor(length * factor) / length for length, factor in zip(size, factors, strict=True)]
        if not all(rounded) or (rank == 1 and rounded[0] in (1, 2)):
            factors = [max(rounded[0], 1.0)] * rank
        options["scale_factor"] = max(factors) if draw(st.booleans()) else tuple(factors)
        if draw(st.booleans()):
            options["recompute_scale_factor"] = draw(st.booleans())
    if mode in ("linear", "bilinear", "trilinear", "bicubic") and draw(st.booleans()):
        options["align_corners"] = draw(st.booleans())
    return call(**options).on(x) if layer else call(x, **options)


@st.composite
def upsamplings(draw: Any) -> Call:
    """For the layers whose mode is fixed."""
    x = np.random.default_rng(draw(seeds)).standard_normal((1, 2, draw(st.integers(1, 5)), draw(st.integers(1, 5))))
    if draw(st.booleans()):
        return call(size=draw(st.sampled_from([3, (2, 6), (7, 1)]))).on(x)
    return call(scale_factor=draw(st.sampled_from([2, 1.5, (1.0, 2.3)]))).on(x)


def sized(values: list[int], draw: Any) -> Any:
    return values[0] if values[0] == values[1] and draw(st.booleans()) else tuple(values)


@st.composite
def windows(draw: Any, folded: bool, layer: bool = False) -> Call:
    """Patches, or images to take them from: every window fits."""
    pair = lambda low, high: draw(st.lists(st.integers(low, high), min_size=2, max_size=2))  # noqa: E731
    kernel, stride, dilation, padding, extra = pair(1, 3), pair(1, 3), pair(1, 2), pair(0, 2), pair(0, 4)
    size = [
        max(1, d * (k - 1) + 1 - 2 * p) + more for k, d, p, more in zip(kernel, dilation, padding, extra, strict=True)
    ]
    axes = zip(size, kernel, stride, dilation, padding, strict=True)
    positions = math.prod((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in axes)
    batch = draw(st.sampled_from([(), (0,), (1,), (2,)]))
    shape = (2, *size) if not folded else (2 * kernel[0] * kernel[1], positions)
    x = np.random.default_rng(draw(seeds)).standard_normal((*batch, *shape))
    sizes = (sized(size, draw),) if folded else ()
    options = {"dilation": sized(dilation, draw), "padding": sized(padding, draw), "stride": sized(stride, draw)}
    kernel_size = sized(kernel, draw)
    return call(*sizes, kernel_size, **options).on(x) if layer else call(x, *sizes, kernel_size, **options)


@st.composite
def shuffles(draw: Any, kind: str, layer: bool = False) -> Call:
    r = draw(st.integers(1, 3))
    h, w = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    batch = draw(st.sampled_from([(), (1,), (2,), (2, 1)]))  # of an empty one PyTorch's gradient has the wrong shape
    if kind == "channel":
        shape = (*draw(st.sampled_from([(0,), (1,), (2,)])), 2 * r, h, w)[: draw(st.integers(3, 4))]
    else:
        shape = (*batch, r * r * 2, h, w) if kind == "up" else (*batch, 2, h * r, w * r)
    x = draw(filled(shape)) if draw(st.booleans()) else np.arange(math.prod(shape)).reshape(shape)
    if layer:
        return call(r).on(x)
    return call(x, r)


BAD_INTERPOLATIONS = (
    call(ones(1, 2, 4, 5)),
    call(ones(1, 2, 4, 5), size=3, scale_factor=2),
    call(ones(1, 2, 4, 5), size=(3,)),
    call(ones(1, 2, 4, 5), size=0),
    call(ones(1, 2, 4, 5), size=3.5),
    call(ones(1, 2, 4, 5), scale_factor=0.1),
    call(ones(1, 2, 4, 5), scale_factor=-1.0),
    call(ones(1, 2, 4, 5), scale_factor=(2, 2, 2)),
    call(ones(1, 2, 4, 5), scale_factor="2"),
    call(ones(1, 2, 4, 5), scale_factor=float("nan")),
    call(ones(1, 2, 4, 5), size=3, mode="linear"),
    call(ones(1, 2, 5), size=3, mode="bilinear"),
    call(ones(1, 2, 4, 5), size=3, mode="trilinear"),
    call(ones(1, 2, 3, 4, 5), size=3, mode="bilinear"),
    call(ones(1, 2, 3, 4, 5), size=(3, 4)),
    call(ones(1, 1, 2, 3, 4, 5), size=3),
    call(ones(1, 2, 4, 5), size=3, mode="cubic"),
    call(ones(1, 2, 4, 5), size=3, align_corners=True),
    call(ones(1, 2, 4, 5), size=3, mode="area", align_corners=False),
    call(ones(1, 2, 4, 5), size=3, recompute_scale_factor=True),
    call(ones(1, 2, 4, 5), size=3, antialias=True),
    call(ones(4, 5), size=3),
    call(ones(1, 2, 0, 5), size=3),
    call(ones(1, 0, 4, 5), size=3),
    call(np.ones((1, 2, 4, 5), np.int64), size=3),
)

BAD_WINDOWS = (
    call(ones(1, 2, 2, 2), 3),
    call(ones(4, 4), 2),
    call(ones(1, 2, 4, 4), 2, padding=-1),
    call(ones(1, 2, 4, 4), 2, stride=0),
    call(ones(1, 2, 4, 4), 2, dilation=4),
    call(ones(1, 2, 0, 4), 1),
    call(ones(1, 2, 4, 4), (2, 2, 2)),
    call(np.ones((1, 2, 4, 4), np.int64), 2),
)

BAD_FOLDS = (
    call(ones(1, 8, 8), (4, 4), 2),
    call(ones(1, 7, 9), (4, 4), 2),
    call(ones(1, 1, 8, 9), (4, 4), 2),
    call(ones(1, 8, 9), (4, 4), 5),
    call(ones(1, 8, 9), (4, 0), 2),
    call(ones(1, 8, 9), (4, 4, 4), 2),
)

ENTRIES = [
    Entry("F.interpolate", calls=interpolations(), bad=BAD_INTERPOLATIONS, example_count=60),
    Entry(
        "nn.Upsample",
        calls=interpolations(layer=True),
        bad=(call().on(ones(1, 1, 2, 2)), call(size=2, mode="linear").on(ones(1, 1, 2, 2))),
        example_count=20,
    ),
    Entry(
        "nn.UpsamplingNearest2d",
        "nn.UpsamplingBilinear2d",
        calls=upsamplings(),
        bad=(call().on(ones(1, 1, 2, 2)), call(size=(2, 2, 2)).on(ones(1, 1, 2, 2)), call(size=2).on(ones(2, 2))),
    ),
    Entry("F.unfold", calls=windows(folded=False), bad=BAD_WINDOWS, example_count=20),
    Entry("F.fold", calls=windows(folded=True), bad=BAD_FOLDS, example_count=20),
    Entry(
        "nn.Unfold",
        calls=windows(folded=False, layer=True),
        bad=(call(3).on(ones(1, 1, 2, 2)), call(2, stride=0).on(ones(1, 1, 4, 4))),
    ),
    Entry(
        "nn.Fold",
        calls=windows(folded=True, layer=True),
        bad=(call((4, 4), 2).on(ones(1, 8, 8)), call((4, 4), 2, padding=-1).on(ones(1, 8, 9))),
    ),
    Entry(
        "F.pixel_shuffle",
        calls=shuffles("up"),
        bad=(call(ones(3, 2, 2), 2), call(ones(4, 2), 2), call(ones(4, 2, 2), 0), call(ones(4, 2, 2), 2.0)),
    ),
    Entry(
        "F.pixel_unshuffle",
        calls=shuffles("down"),
        bad=(call(ones(1, 3, 2), 2), call(ones(4, 2), 2), call(ones(4, 2, 2), -1), call(ones(1, 2, 3), 2)),
    ),
    Entry(
        "F.channel_shuffle",
        calls=shuffles("channel"),
        bad=(call(ones(1, 4, 2, 2), 3), call(ones(1, 4), 2), call(ones(1, 4, 2, 2), 0)),
    ),
    Entry(
        "nn.PixelShuffle", calls=shuffles("up", layer=True), bad=(call(2).on(ones(3, 2, 2)), call(0).on(ones(4, 2, 2)))
    ),
    Entry(
        "nn.PixelUnshuffle", calls=shuffles("down", layer=True), bad=(call(2).on(ones(1, 3, 2)), call(2).on(ones(2, 2)))
    ),
    Entry(
        "nn.ChannelShuffle",
        calls=shuffles("channel", layer=True),
        bad=(call(3).on(ones(1, 4, 2, 2)), call(2).on(ones(1, 4))),
    ),
]
