"""Values that meet at elements of an array: drawn parts, indices that name places several times, and functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

FUNCTIONS = ("add", "multiply", "maximum", "minimum", "last")


@st.composite
def meetings(draw: Any) -> tuple[np.ndarray, tuple[Any, ...], np.ndarray, str]:
    """(part, index, values, function) for ``combine_at``; the part may be a view with gaps, in another memory order."""
    dtype = draw(st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    part = random.integers(0, 3, (*shape[::-1], 2)).astype(dtype).transpose(2, 1, 0, 3)[..., 0]
    count = draw(st.integers(0, 9))
    axis = draw(st.integers(0, 2))
    places = random.integers(-shape[axis], shape[axis], count)
    index: tuple[Any, ...] = (*(slice(None),) * axis, places)
    if draw(st.booleans()):
        index = (*(random.integers(0, size, (count, 2)) for size in shape[:2]),)
    drawn = (
        random.standard_normal(part[index].shape)
        if part.dtype.kind == "f"
        else random.integers(0, 4, part[index].shape)
    )
    values = drawn.astype(dtype)
    if part.dtype.kind == "f" and values.size and draw(st.booleans()):
        values.flat[random.integers(values.size)] = np.nan
    return part, index, values, draw(st.sampled_from(FUNCTIONS))
