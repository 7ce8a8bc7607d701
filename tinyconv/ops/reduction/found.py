"""What functions return that find elements: the elements, and where they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from tinyconv.ops.indexing.gathering import TakeAlong
from tinyconv.ops.shape.shape import reshape


class ValuesAndIndices(NamedTuple):
    """What a function that finds elements along a dimension returns: what it found, and where."""

    values: Any
    indices: Any


class MinAndMax(NamedTuple):
    """What ``aminmax`` returns."""

    min: Any
    max: Any


def along_dim(input: Any, indices: Any, dim: int, keepdim: bool, is_unique: bool = True) -> ValuesAndIndices:
    """The elements at ``indices`` along ``dim``, which stays or, where its size is 1, goes.

    ``is_unique``: whether no element is taken twice.
    """
    # A copy: backward must not see what the caller writes into the indices that it is given.
    values = TakeAlong(indices.array.copy(), dim, is_unique).apply(input)
    if not keepdim:
        shape = input.shape[:dim] + input.shape[dim + 1 :]
        values, indices = reshape(values, shape).own_memory(), reshape(indices, shape).own_memory()
    return ValuesAndIndices(values, indices)
