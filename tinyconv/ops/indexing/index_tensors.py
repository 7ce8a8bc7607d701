"""Tensors of positions, checked, as what they pick: slices along a dimension, an element each, a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.errors import DTypeError, ShapeError
from tinyconv.ops.indexing.positions import EVERYTHING, Index, check_range


def grid(index: Any, dim: int, is_unique: bool = False) -> Index:
    """Picks ``index`` along ``dim`` and every position in order along the others."""
    positions = list(np.ogrid[tuple(slice(size) for size in index.shape)])
    positions[dim] = index
    return Index((...,), tuple(positions), is_unique)


def along(dim: int, index: Any, is_unique: bool = False) -> Index:
    """Picks the slices ``index`` along ``dim``."""
    return Index((...,), (*(EVERYTHING,) * dim, index), is_unique)


def positions(name: str, index: Any, types: tuple[dtypes.DType, ...] = (dtypes.int64, dtypes.int32)) -> Any:
    """A copy of the index array: backward must not see what the caller writes into it later."""
    if not isinstance(index, TensorBase):
        raise DTypeError(f"{name}: the index must be a tensor, got {type(index).__name__}")
    if index.dtype not in types:
        allowed = " or ".join(dtype.name for dtype in types)
        raise DTypeError(f"{name}: the index must be {allowed}, got {index.dtype.name}; convert it with .long()")
    return index.array.astype(np.int64)


def checked(name: str, index: Any, dim: int, shape: tuple[int, ...], negative: bool = False) -> Any:
    """The index array, if it stays within dimension ``dim`` of ``shape``."""
    array = positions(name, index)
    if array.size:
        check_range(name, array.min(), array.max(), dim, shape, negative)
    return array


def check_fits(name: str, index: tuple[int, ...], shape: tuple[int, ...], dim: int, what: str) -> None:
    """Raise ``ShapeError`` unless ``index`` is no larger than ``shape`` but along ``dim``; () counts as (1,)."""
    own, whole = index or (1,), shape or (1,)
    if 0 in own and len(own) == 1:
        return
    if len(own) != len(whole) or any(own[i] > size for i, size in enumerate(whole) if i != dim):
        raise ShapeError(
            f"{name}: an index of shape {index} must fit inside {what}, {shape}, but along dimension {dim}"
        )


def vector(name: str, index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """The index array as one dimension, if it has no more and stays within dimension ``dim`` of ``shape``."""
    array = checked(name, index, dim, shape)
    if array.ndim > 1:
        raise ShapeError(f"{name}: the index must have one dimension, got shape {array.shape}")
    return array.reshape(-1)


def flat_index(name: str, index: Any, shape: tuple[int, ...]) -> Index:
    """Picks the positions ``index`` of a tensor of ``shape`` read as one row."""
    array = positions(name, index, (dtypes.int64,))
    count = int(np.prod(shape))
    if array.size:
        check_range(name, array.min(), array.max(), 0, (count,))
    return Index((...,), np.unravel_index(array % max(count, 1), shape) if count else (array,) * len(shape), False)


def mask_array(name: str, mask: Any) -> Any:
    if not isinstance(mask, TensorBase) or mask.dtype is not dtypes.bool_:
        kind = mask.dtype.name if isinstance(mask, TensorBase) else type(mask).__name__
        raise DTypeError(f"{name}: the mask must be a bool tensor, got {kind}")
    return mask.array
