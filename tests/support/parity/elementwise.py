"""Arithmetic, comparison, and functions of one element."""

from __future__ import annotations

from hypothesis import strategies as st

from parity.draws import broadcastable, filled
from parity.entry import Entry, call, ones

pairs = broadcastable().flatmap(lambda shapes: st.tuples(*(filled(shape) for shape in shapes)))

ENTRIES = [
    Entry(
        "tc.add",
        "Tensor.add",
        calls=st.builds(lambda pair, alpha: call(*pair, alpha=alpha), pairs, st.sampled_from([1, 2, -0.5])),
        bad=(call(ones(2), ones(3)), call(ones(2), "text")),
    ),
]
