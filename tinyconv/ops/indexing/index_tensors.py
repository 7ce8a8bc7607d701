"""Tensors of positions, checked, as what they pick: slices along a dimension, an element each, a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.devices import Device, array_module
from tinyconv.core.errors import DeviceError, DTypeError, ShapeError
from tinyconv.ops.indexing.positions import EVERYTHING, Index, check_range


def grid(xp: Any, index: Any, dim: int, is_unique: bool = False) -> Index:
    """Picks ``index`` along ``dim`` and every position in order along the others."""
    ends = (xp.arange(size).reshape(-1, *(1,) * (index.ndim - own - 1)) for own, size in enumerate(index.shape))
    positions = [index if own == dim else along for own, along in enumerate(ends)]
    return Index((...,), tuple(positions), is_unique)


def along(dim: int, index: Any, is_unique: bool = False) -> Index:
    """Picks the slices ``index`` along ``dim``."""
    return Index((...,), (*(EVERYTHING,) * dim, index), is_unique)


def positions(
    name: str, index: Any, device: Device, types: tuple[dtypes.DType, ...] = (dtypes.int64, dtypes.int32)
) -> Any:
    """A copy of the index array: backward must not see what the caller writes into it later."""
    if not isinstance(index, TensorBase):
        raise DTypeError(f"{name}: the index must be a tensor, got {type(index).__name__}")
    if index.dtype not in types:
        allowed = " or ".join(dtype.name for dtype in types)
        raise DTypeError(f"{name}: the index must be {allowed}, got {index.dtype.name}; convert it with .long()")
    if index.device != device:
        raise DeviceError(f"{name}: the tensor is on {device} and the index on {index.device}; move one with .to()")
    return index.array.astype(np.int64)


def checked(name: str, index: Any, dim: int, input: Any, negative: bool = False) -> Any:
    """The index array, if it stays within dimension ``dim`` of ``input``."""
    array = positions(name, index, input.device)
    if array.size:
        check_range(name, array.min(), array.max(), dim, input.shape, negative)
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


def vector(name: str, index: Any, dim: int, input: Any) -> Any:
    """The index array as one dimension, if it has no more and stays within dimension ``dim`` of ``input``."""
    array = checked(name, index, dim, input)
    if array.ndim > 1:
        raise ShapeError(f"{name}: the index must have one dimension, got shape {array.shape}")
    return array.reshape(-1)


def flat_index(name: str, index: Any, input: Any) -> Index:
    """Picks the positions ``index`` of ``input`` read as one row."""
    array = positions(name, index, input.device, (dtypes.int64,))
    shape = input.shape
    count = math.prod(shape)
    if array.size:
        check_range(name, array.min(), array.max(), 0, (count,))
    unravelled = array_module(input.device).unravel_index
    return Index((...,), unravelled(array % max(count, 1), shape) if count else (array,) * len(shape), False)


def mask_array(name: str, mask: Any, device: Device) -> Any:
    if not isinstance(mask, TensorBase) or mask.dtype is not dtypes.bool_:
        kind = mask.dtype.name if isinstance(mask, TensorBase) else type(mask).__name__
        raise DTypeError(f"{name}: the mask must be a bool tensor, got {kind}")
    if mask.device != device:
        raise DeviceError(f"{name}: the tensor is on {device} and the mask on {mask.device}; move one with .to()")
    return mask.array
