"""Sums that stay accurate however long they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import Dims, cast, normalize_dims

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def accurate_sum(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The sum of ``x`` along ``axis``, which is kept with size 1; float32 is added up in float64.

    NumPy adds pairwise only along the axis that is contiguous, and one after the other along the others: the mean of
    four million float32 numbers came out 4% wrong. With channels last, the axes summed over are mostly the others.
    """
    return xp.sum(x, axis=axis, keepdims=True, dtype=np.float64 if x.dtype == np.float32 else None)


def as_floating(name: str, input: Tensor, dtype: DType | None = None) -> Tensor:
    """``input`` in ``dtype``. Raises ``DTypeError`` unless that is floating-point."""
    input = cast(input, dtype or input.dtype)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{name}: needs floating-point numbers, got {input.dtype.name}; convert with .float() first")
    return input


def element_count(name: str, input: Tensor, dim: Dims) -> int:
    """How many elements ``dim`` takes together."""
    return math.prod(input.shape[index] for index in normalize_dims(name, dim, input.ndim))
