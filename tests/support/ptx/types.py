"""PTX's types as NumPy's."""

from __future__ import annotations

import numpy as np

TYPES = {
    "b8": np.dtype(np.uint8),
    "u8": np.dtype(np.uint8),
    "s8": np.dtype(np.int8),
    "b16": np.dtype(np.uint16),
    "u16": np.dtype(np.uint16),
    "s16": np.dtype(np.int16),
    "f16": np.dtype(np.float16),
    "b32": np.dtype(np.uint32),
    "u32": np.dtype(np.uint32),
    "s32": np.dtype(np.int32),
    "f32": np.dtype(np.float32),
    "b64": np.dtype(np.uint64),
    "u64": np.dtype(np.uint64),
    "s64": np.dtype(np.int64),
    "f64": np.dtype(np.float64),
    "pred": np.dtype(np.bool_),
}
BITS = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}
UINT32, UINT64 = TYPES["u32"], TYPES["u64"]
FLOAT32, FLOAT64 = TYPES["f32"], TYPES["f64"]
BOOL = TYPES["pred"]


def bits_of(dtype: np.dtype) -> np.dtype:
    """The unsigned integers of the same size."""
    return dtype if dtype == BOOL else BITS[dtype.itemsize]
