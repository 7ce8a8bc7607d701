"""Dropout. What is drawn at random has PyTorch's shape and type; with p = 0, p = 1 and in evaluation its numbers too.

What is drawn is held to its statistics in ``tests/ops/test_dropout.py``.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from parity.draws import filled, shapes
from parity.entry import Call, Entry, call, constant, ones

ANY = shapes(min_dims=0, max_dims=4, min_side=0)
SHAPES: dict[str, st.SearchStrategy[tuple[int, ...]]] = {
    "dropout": ANY,
    "alpha_dropout": ANY,
    "feature_alpha_dropout": shapes(min_dims=2, max_dims=4),
    "dropout1d": shapes(min_dims=2, max_dims=3),
    # Of three dimensions both warn; of others PyTorch warns that they will be refused, and tinyconv refuses them.
    "dropout2d": shapes(min_dims=4, max_dims=4),
    "dropout3d": shapes(min_dims=4, max_dims=5),
}
LAYERS = {
    "dropout": "Dropout",
    "dropout1d": "Dropout1d",
    "dropout2d": "Dropout2d",
    "dropout3d": "Dropout3d",
    "alpha_dropout": "AlphaDropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
}


@st.composite
def functions(draw: st.DrawFn, name: str) -> Call:
    """Calls whose result is certain."""
    x: Any = draw(SHAPES[name].flatmap(filled))
    training = draw(st.booleans())
    inplace = draw(st.booleans())
    p = draw(st.sampled_from([0.0, 1.0] if training else [0.0, 0.3, 1.0]))
    # A leaf that requires a gradient cannot be written in place.
    return call(constant(x) if inplace else x, p, training=training, inplace=inplace)


@st.composite
def layers(draw: st.DrawFn, name: str) -> Call:
    x: Any = draw(SHAPES[name].flatmap(filled))
    training = draw(st.booleans())
    inplace = draw(st.booleans())
    p = draw(st.sampled_from([0.0, 1, 1.0] if training else [0.0, 0.3, 1.0]))
    return call(p, inplace).on(constant(x) if inplace else x, training=training)


def bad(name: str, layer: bool) -> tuple[Call, ...]:
    shape = (2, 3, 4) if name == "dropout1d" else (2, 3, 4, 4)
    calls = [(ones(*shape), 1.5), (ones(*shape), -0.1), (ones(*shape), "half")]
    if name in ("dropout1d", "feature_alpha_dropout"):
        calls.append((ones(3), 0.5))
    if name == "dropout1d":
        calls.append((ones(1, 2, 3, 4), 0.5))
    if layer:
        return tuple(call(p).on(x) for x, p in calls)
    return tuple(call(x, p, training=True) for x, p in calls)


ENTRIES = [
    *(Entry(f"F.{name}", calls=functions(name), bad=bad(name, layer=False), example_count=30) for name in SHAPES),
    *(Entry(f"nn.{LAYERS[name]}", calls=layers(name), bad=bad(name, layer=True), example_count=30) for name in SHAPES),
]
