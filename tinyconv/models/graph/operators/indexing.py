"""Elements picked by their positions, and put at positions."""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.tensor import Tensor


@operator("Gather")
def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    along = axis % x.ndim
    flat = _counted_from_zero(indices, x.shape[along]).reshape(-1)
    return x.index_select(along, flat).reshape((*x.shape[:along], *indices.shape, *x.shape[along + 1 :]))


@operator("GatherElements")
def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return x.gather(axis, _counted_from_zero(indices, x.shape[axis]))


@operator("GatherND")
def gather_by_tuples(x: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    if batch_dims:
        raise UnsupportedError(f"operator GatherND with batch_dims={batch_dims} is not offered; 0 is")
    return x[tuple(indices[..., place].long() for place in range(indices.shape[-1]))]


@operator("ScatterElements")
def scatter_elements(x: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none") -> Tensor:
    places = _counted_from_zero(indices, x.shape[axis])
    if reduction == "none":
        return x.scatter(axis, places, updates)
    named = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
    if reduction not in named:
        raise UnsupportedError(f"operator ScatterElements with reduction={reduction!r} is not offered")
    return x.scatter_reduce(axis, places, updates, named[reduction])


@operator("ScatterND")
def scatter_by_tuples(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    if reduction not in ("none", "add"):
        raise UnsupportedError(f"operator ScatterND with reduction={reduction!r} is not offered; none and add are")
    places = tuple(indices[..., place].long() for place in range(indices.shape[-1]))
    return x.index_put(places, updates, accumulate=reduction == "add")


@operator("OneHot", numbers=("depth",))
def one_hot(indices: Tensor, depth: Any, values: Tensor, *, axis: int = -1) -> Tensor:
    """``values``: what stands where an index does not point, and where it does."""
    count = int(depth[0] if isinstance(depth, list) else depth)
    inside = (indices >= -count).logical_and(indices < count)
    chosen = F.one_hot(indices.long().remainder(count), count).bool().logical_and(inside.unsqueeze(-1))
    return where(chosen, values[1], values[0]).movedim(-1, axis)


@operator("NonZero")
def non_zero(x: Tensor) -> Tensor:
    return x.nonzero().t()


@operator("Compress")
def compress(x: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    along = 0 if axis is None else axis
    source = x.reshape(-1) if axis is None else x
    return source.index_select(along, condition.nonzero().reshape(-1))


def _counted_from_zero(indices: Tensor, size: int) -> Tensor:
    """Negative positions count from the end."""
    positions = indices.long()
    return where(positions < 0, positions + size, positions)
