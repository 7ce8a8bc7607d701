"""Hypothesis strategies that several tables draw arguments from. None draws what an operation would have to refuse."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

seeds = st.integers(0, 2**16)


def shapes(min_dims: int = 0, max_dims: int = 4, min_side: int = 1, max_side: int = 4) -> st.SearchStrategy[tuple]:
    return st.lists(st.integers(min_side, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def filled(shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> st.SearchStrategy[np.ndarray]:
    """An array of ``shape`` with numbers between ``low`` and ``high``, decided by a drawn seed."""
    return seeds.map(lambda seed: np.random.default_rng(seed).uniform(low, high, shape))


def arrays(low: float = -2.0, high: float = 2.0, **limits: int) -> st.SearchStrategy[np.ndarray]:
    """An array of any shape with numbers between ``low`` and ``high``."""
    return shapes(**limits).flatmap(lambda shape: filled(shape, low, high))


def separated(shape: tuple[int, ...], step: float = 0.2) -> st.SearchStrategy[np.ndarray]:
    """Numbers of both signs, no two closer than half a ``step``, none near 0: away from kinks and ties."""

    def draw(seed: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        count = int(np.prod(shape))
        values = np.arange(count) - count // 2 + 0.5 + generator.uniform(-0.2, 0.2, count)
        return generator.permutation(values * step).reshape(shape)

    return seeds.map(draw)


def integers(shape: tuple[int, ...], low: int, below: int, dtype: str = "int64") -> st.SearchStrategy[np.ndarray]:
    return seeds.map(lambda seed: np.asarray(np.random.default_rng(seed).integers(low, below, shape), dtype))


def truths(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    return seeds.map(lambda seed: np.asarray(np.random.default_rng(seed).random(shape) < 0.5))


@st.composite
def broadcastable(draw, count: int = 2, max_dims: int = 4, max_side: int = 3) -> tuple[tuple[int, ...], ...]:
    """Shapes that broadcast together: from a common one, by dropping leading sizes and setting others to 1."""
    common = draw(st.lists(st.integers(1, max_side), min_size=0, max_size=max_dims))

    def operand() -> tuple[int, ...]:
        kept = common[draw(st.integers(0, len(common))) :]
        return tuple(1 if draw(st.booleans()) else size for size in kept)

    return tuple(operand() for _ in range(count))


def dims_of(array: np.ndarray) -> st.SearchStrategy[int]:
    """A dimension of ``array``, counted from either end."""
    return st.integers(-max(array.ndim, 1), max(array.ndim, 1) - 1)
