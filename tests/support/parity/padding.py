"""Padding: the function in all modes, and the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import seeds, shapes
from parity.entry import Call, Entry, call, constant, ones

MODES = ("reflect", "replicate", "circular")


def values(shape: tuple[int, ...], kind: str, seed: int) -> np.ndarray:
    """Numbers of a type; floating-point ones of both signs."""
    generator = np.random.default_rng(seed)
    if kind == "float":
        return generator.standard_normal(shape)
    return generator.integers(0, 2 if kind == "bool" else 100, shape).astype(kind)


@st.composite
def constants(draw: Any) -> Call:
    """Any number of dimensions; some margins take elements away, none more than there are."""
    shape = draw(shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
    margins: list[int] = []
    for size in reversed(shape[len(shape) - draw(st.integers(0, len(shape))) :]):
        first = draw(st.integers(-(size // 2), 3))
        margins += [first, draw(st.integers(-min(size // 2, size + min(first, 0)), 3))]
    kind = draw(st.sampled_from(["float", "float", "int64", "uint8", "bool"]))
    x = values(shape, kind, draw(seeds))
    value = draw(st.sampled_from({"float": [None, 0, -1.5, 2], "bool": [None, 0, 1]}.get(kind, [None, 0, 3, 2.7])))
    how: dict[str, Any] = {} if value is None else {"value": value}
    if draw(st.booleans()):
        how["mode"] = "constant"
    return call(x, tuple(margins) if draw(st.booleans()) else margins, **how)


def reach(mode: str, size: int) -> int:
    """The widest margin that the mode fills."""
    return {"reflect": size - 1, "circular": size}.get(mode, size + 2)


@st.composite
def repeats(draw: Any, modes: tuple[str, ...] = MODES, rank: int | None = None) -> tuple[np.ndarray, list[int], str]:
    """(x, margins, mode): an input with one to three spatial dimensions, and margins that its mode can fill."""
    mode = draw(st.sampled_from(modes))
    rank = rank or draw(st.integers(1, 3))
    size = draw(st.lists(st.integers(1, 5), min_size=rank, max_size=rank))
    batch = draw(st.sampled_from([(), (0,), (1,), (2,)]))
    margins: list[int] = []
    for length in reversed(size):
        # A circle may lose elements, but PyTorch cannot take away from one end what it adds at the other.
        lowest = -((length - 1) // 2)
        margins += [draw(st.integers(lowest, reach(mode, length + (lowest if mode == "circular" else 0))))]
        highest = reach(mode, length + (min(margins[-1], 0) if mode == "circular" else 0))
        margins += [draw(st.integers(lowest if mode != "circular" or margins[-1] <= 0 else 0, max(highest, 0)))]
        if mode == "circular" and margins[-1] < 0 < margins[-2]:
            margins[-1] = 0
        if mode == "circular" and margins[-2] < 0 < margins[-1]:
            margins[-1] = min(margins[-1], length + margins[-2])
    kind = draw(st.sampled_from(["float", "float", "float", "int64"]))
    return values((*batch, draw(st.integers(1, 3)), *size), kind, draw(seeds)), margins, mode


repeating = repeats().map(lambda drawn: call(drawn[0], tuple(drawn[1]), drawn[2]))


def layer(mode: str, rank: int) -> st.SearchStrategy[Call]:
    def make(drawn: tuple[np.ndarray, list[int], str]) -> Call:
        x, margins, _ = drawn
        return call(margins[0] if len(set(margins)) == 1 else tuple(margins)).on(x)

    return repeats((mode,), rank).map(make)


@st.composite
def constant_layers(draw: Any, rank: int, valued: bool) -> Call:
    shape = draw(shapes(min_dims=rank, max_dims=max(4, rank + 1), min_side=1, max_side=4))
    margins: Any = tuple(draw(st.lists(st.integers(0, 3), min_size=2 * rank, max_size=2 * rank)))
    if draw(st.booleans()):
        margins = draw(st.integers(0, 2))
    value = (draw(st.sampled_from([0, 1.5, -2])),) if valued else ()
    return call(margins, *value).on(values(shape, "float", draw(seeds)))


def bad(rank: int, *value: Any) -> tuple[Call, ...]:
    margins = (1,) * 2 * rank
    return (
        call(margins[1:], *value).on(ones(1, 2, *(4,) * rank)),
        call("text", *value).on(ones(1, 2, *(4,) * rank)),
        call((-3, -3, *margins[2:]), *value).on(ones(1, 2, *(4,) * rank)),
    )


def bad_repeats(mode: str, rank: int) -> tuple[Call, ...]:
    too_wide = () if mode == "replicate" else (call((5,) + (0,) * (2 * rank - 1)).on(ones(1, 2, *(4,) * rank)),)
    return (
        call((1,) * (2 * rank - 1)).on(ones(1, 2, *(4,) * rank)),
        call(1).on(ones(*(4,) * rank)),
        call(1).on(ones(1, 1, 2, *(4,) * rank)),
        call(1).on(ones(1, 2, *(0,) * rank)),
        *too_wide,
    )


ENTRIES = [
    Entry(
        "F.pad",
        calls=st.one_of(constants(), repeating),
        bad=(
            call(ones(2, 3), (1,)),
            call(ones(3), (1, 1, 1, 1)),
            call(ones(3), (-2, -2)),
            call(ones(3), (1.5, 1)),
            call(ones(3), (1, 1), "mirror"),
            call(ones(3), (1, 1), "reflect"),
            call(ones(1, 1, 3), (1, 1), "reflect", 2.0),
            call(ones(1, 1, 3), (3, 0), "reflect"),
            call(ones(1, 1, 3), (4, 0), "circular"),
            call(ones(1, 1, 3, 3), (1, 1), "replicate"),
            call(ones(1, 1, 0), (1, 1), "replicate"),
            call(ones(1, 1, 6), (-3, -3), "reflect"),
            call(np.ones((1, 1, 3), np.bool_), (1, 1), "reflect"),
            call(np.ones(3, np.uint8), (1, 1), value=300),
            call(constant(ones(3)), "text"),
        ),
        example_count=80,
    ),
    *(
        Entry(f"nn.{name}Pad{rank}d", calls=constant_layers(rank, name == "Constant"), bad=bad(rank, *value))
        for name, value in (("Zero", ()), ("Constant", (1.5,)))
        for rank in (1, 2, 3)
    ),
    *(
        Entry(f"nn.{name}Pad{rank}d", calls=layer(mode, rank), bad=bad_repeats(mode, rank))
        for name, mode in (("Reflection", "reflect"), ("Replication", "replicate"), ("Circular", "circular"))
        for rank in (1, 2, 3)
    ),
]
