"""Pooling: functions and layers of one to three directions, batched or not, over every geometry PyTorch takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import filled
from parity.entry import Call, Entry, call, ones

DIRECTIONS = (1, 2, 3)

EXAMPLES = {1: 20, 2: 20, 3: 8}
"""How many calls are drawn: volumes have the checks and the windows of the others."""


@st.composite
def maps(draw: st.DrawFn, directions: int, least: tuple[int, ...], distinct: bool = False) -> np.ndarray:
    """A batch of maps (an empty one now and then) or one map, each side at least ``least``.

    ``distinct``: numbers of few values, so that maxima are often equal, some of them infinite or NaN.
    """
    sides = [size + draw(st.integers(0, 4)) for size in least]
    batch = draw(st.sampled_from([(), (1,), (2,), (3,), (0,)]))
    shape = (*batch, draw(st.sampled_from([1, 2, 5])), *sides)
    if not distinct:
        return draw(filled(shape))
    values = draw(filled(shape)).round()
    flat = values.reshape(-1)
    for special in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
        if flat.size:
            flat[draw(st.integers(0, flat.size - 1))] = special
    return values


def as_given(draw: st.DrawFn, numbers: tuple[int, ...]) -> Any:
    """One number for all directions as such, now and then; else a tuple."""
    return numbers[0] if len(set(numbers)) == 1 and draw(st.booleans()) else numbers


@st.composite
def windows(draw: st.DrawFn, directions: int, dilates: bool, pads: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Keywords of a pooling, and how large a map must be for one window to fit.

    A dilated window is never so large, beside its padding, that it could miss all pixels: PyTorch's maximum of nothing
    is -inf with a position outside the map, tinyconv refuses.
    """
    each = range(directions)
    kernel = tuple(draw(st.integers(1, 4)) for _ in each)
    dilation = tuple(draw(st.integers(1, 3)) if dilates else 1 for _ in each)
    padding = tuple(draw(st.integers(0, kernel[i] // 2)) if pads and dilation[i] == 1 else 0 for i in each)
    keywords: dict[str, Any] = {"kernel_size": as_given(draw, kernel)}
    if draw(st.booleans()):
        keywords["stride"] = as_given(draw, tuple(draw(st.integers(1, 4)) for _ in each))
    if pads:
        keywords["padding"] = as_given(draw, padding)
    if dilates:
        keywords["dilation"] = as_given(draw, dilation)
    keywords["ceil_mode"] = draw(st.booleans())
    least = tuple(max(1, dilation[i] * (kernel[i] - 1) + 1 - 2 * padding[i]) for i in each)
    return keywords, least


@st.composite
def max_pools(draw: st.DrawFn, directions: int, layer: bool = False) -> Call:
    keywords, least = draw(windows(directions, dilates=True, pads=True))
    keywords["return_indices"] = draw(st.booleans())
    x = draw(maps(directions, least, distinct=True))
    return call(**keywords).on(x) if layer else call(x, **keywords)


@st.composite
def avg_pools(draw: st.DrawFn, directions: int, layer: bool = False) -> Call:
    keywords, least = draw(windows(directions, dilates=False, pads=True))
    keywords["count_include_pad"] = draw(st.booleans())
    if directions > 1:
        keywords["divisor_override"] = draw(st.sampled_from([None, None, 1, 3, -2]))
    if directions == 3:  # PyTorch's refuses volumes smaller than the window, whatever the padding
        given = keywords["kernel_size"]
        least = given if isinstance(given, tuple) else (given,) * 3
    x = draw(maps(directions, least))
    return call(**keywords).on(x) if layer else call(x, **keywords)


@st.composite
def lp_pools(draw: st.DrawFn, directions: int, layer: bool = False) -> Call:
    """Negative numbers only for even p, since of others PyTorch takes roots of negative sums; no windows of zeros."""
    keywords, least = draw(windows(directions, dilates=False, pads=False))
    if directions == 1:
        keywords["kernel_size"] = least[0]  # PyTorch's takes no tuple here
    p = draw(st.sampled_from([1, 2, 2.0, 3, 1.5, 4.0, float("inf"), float("-inf")]))
    x = draw(maps(directions, least))
    if p not in (2, 4, float("inf"), float("-inf")):
        x = np.abs(x) + 0.1
    return call(p, **keywords).on(x) if layer else call(x, p, **keywords)


@st.composite
def adaptive_pools(draw: st.DrawFn, directions: int, maxima: bool, layer: bool = False) -> Call:
    numbers = tuple(draw(st.integers(1, 6)) for _ in range(directions))
    output: Any = as_given(draw, numbers)
    if directions > 1 and draw(st.booleans()):
        kept = draw(st.lists(st.booleans(), min_size=directions, max_size=directions))
        output = tuple(None if keep else number for keep, number in zip(kept, numbers, strict=True))
    keywords = {"return_indices": draw(st.booleans())} if maxima else {}
    x = draw(maps(directions, (1,) * directions, distinct=maxima))
    return call(output, **keywords).on(x) if layer else call(x, output, **keywords)


@st.composite
def unpools(draw: st.DrawFn, directions: int, layer: bool = False) -> Call:
    """Places as a pooling could have given them: none twice, for PyTorch lets any of two values win."""
    each = range(directions)
    kernel, stride = (tuple(draw(st.integers(1, 3)) for _ in each) for _ in range(2))
    small = tuple(draw(st.integers(1, 3)) for _ in each)
    sizes = tuple((small[i] - 1) * stride[i] + kernel[i] for i in each)
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    x = draw(filled((*batch, 2, *small)))
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        extra = tuple(draw(st.integers(1 - stride[i], stride[i] - 1)) for i in each)
        larger = tuple(sizes[i] + extra[i] for i in each)
        if np.prod(larger) >= np.prod(small):
            sizes = larger
            whole = draw(st.booleans()) and batch
            keywords["output_size"] = (*x.shape[:2], *sizes) if whole else sizes
    if np.prod(sizes) < np.prod(small):
        kernel = tuple(number + 1 for number in kernel)
        sizes = tuple((small[i] - 1) * stride[i] + kernel[i] for i in each)
        if np.prod(sizes) < np.prod(small):
            stride = tuple(max(2, number) for number in stride)
            sizes = tuple((small[i] - 1) * stride[i] + kernel[i] for i in each)
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    planes = [
        generator.permutation(int(np.prod(sizes)))[: int(np.prod(small))]
        for _ in range(int(np.prod(x.shape[:-directions])))
    ]
    places = np.array(planes, np.int64).reshape(x.shape)
    if layer:
        return call(kernel, stride).on(x, places, **keywords)
    return call(x, places, kernel, stride, **keywords)


def bad_windows(directions: int, *, pads: bool, dilates: bool, layer: bool) -> tuple[Call, ...]:
    """Mistakes in a window; and inputs of a wrong number of dimensions, without pixels, without channels."""
    x, flat = ones(2, 3, *(4,) * directions), ones(4)
    mistakes: list[tuple[dict[str, Any], np.ndarray]] = [
        ({"kernel_size": 5}, x),
        ({"kernel_size": 0}, x),
        ({"kernel_size": 2, "stride": 0}, x),
        ({"kernel_size": 2.5}, x),
        ({"kernel_size": (2,) * (directions + 1)}, x),
        ({"kernel_size": 2}, flat),
        ({"kernel_size": 2}, ones(1, 1, 1, *(4,) * directions)),
        ({"kernel_size": 1}, ones(2, 3, *(0,) * directions)),
    ]
    if pads:
        mistakes += [({"kernel_size": 2, "padding": 2}, x), ({"kernel_size": 3, "padding": -1}, x)]
    if dilates:
        mistakes += [({"kernel_size": 2, "dilation": 0}, x), ({"kernel_size": 3, "dilation": 2}, x)]
    return tuple(call(**keywords).on(x) if layer else call(x, **keywords) for keywords, x in mistakes)


def with_norm(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """The same mistakes of a power-average pooling, whose norm comes first."""
    return tuple(
        call(2.0, **c.constructor.kwargs).on(*c.args) if c.constructor else call(c.args[0], 2.0, **c.kwargs)
        for c in calls
    )


def unpool_mistakes(directions: int, layer: bool) -> tuple[Call, ...]:
    x = ones(1, 2, *(2,) * directions)
    places = np.arange(x.size).reshape(x.shape) % 2**directions
    mistakes = [
        ((x, places + 100), {}),
        ((x, places - 5), {}),
        ((x, places[:, :1]), {}),
        ((x, places.astype(np.float32)), {}),
        ((x, places), {"output_size": (9,) * directions}),
        ((x, places), {"output_size": (4,) * (directions + 1)}),
        ((ones(2), np.zeros(2, np.int64)), {}),
    ]
    if layer:
        return tuple(call(2).on(*args, **keywords) for args, keywords in mistakes)
    return tuple(call(*args, 2, **keywords) for args, keywords in mistakes)


def adaptive_mistakes(directions: int, layer: bool) -> tuple[Call, ...]:
    mistakes = [
        (-1, ones(2, 3, *(4,) * directions)),
        ((1,) * (directions + 1), ones(2, 3, *(4,) * directions)),
        (1.5, ones(2, 3, *(4,) * directions)),
        (2, ones(4)),
        (2, ones(2, 3, *(0,) * directions)),
        (2, ones(1, 1, 1, *(4,) * directions)),
    ]
    return tuple(call(output).on(x) if layer else call(x, output) for output, x in mistakes)


ENTRIES = [
    *(
        entry
        for n in DIRECTIONS
        for entry in (
            Entry(
                f"F.max_pool{n}d",
                calls=max_pools(n),
                bad=bad_windows(n, pads=True, dilates=True, layer=False),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.MaxPool{n}d",
                calls=max_pools(n, layer=True),
                bad=bad_windows(n, pads=True, dilates=True, layer=True),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"F.avg_pool{n}d",
                calls=avg_pools(n),
                bad=bad_windows(n, pads=True, dilates=False, layer=False),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.AvgPool{n}d",
                calls=avg_pools(n, layer=True),
                bad=bad_windows(n, pads=True, dilates=False, layer=True),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"F.lp_pool{n}d",
                calls=lp_pools(n),
                bad=with_norm(bad_windows(n, pads=False, dilates=False, layer=False)),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.LPPool{n}d",
                calls=lp_pools(n, layer=True),
                bad=with_norm(bad_windows(n, pads=False, dilates=False, layer=True)),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"F.adaptive_avg_pool{n}d",
                calls=adaptive_pools(n, maxima=False),
                bad=adaptive_mistakes(n, layer=False),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.AdaptiveAvgPool{n}d",
                calls=adaptive_pools(n, maxima=False, layer=True),
                bad=adaptive_mistakes(n, layer=True),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"F.adaptive_max_pool{n}d",
                calls=adaptive_pools(n, maxima=True),
                bad=adaptive_mistakes(n, layer=False),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.AdaptiveMaxPool{n}d",
                calls=adaptive_pools(n, maxima=True, layer=True),
                bad=adaptive_mistakes(n, layer=True),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"F.max_unpool{n}d",
                calls=unpools(n),
                bad=unpool_mistakes(n, layer=False),
                example_count=EXAMPLES[n],
            ),
            Entry(
                f"nn.MaxUnpool{n}d",
                calls=unpools(n, layer=True),
                bad=unpool_mistakes(n, layer=True),
                example_count=EXAMPLES[n],
            ),
        )
    ),
]
