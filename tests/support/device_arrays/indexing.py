"""Indices as CuPy reads them: arrays of the device only, beyond the ends they wrap around, one mask at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from device_arrays.waiting import wait

if TYPE_CHECKING:
    from device_arrays.array import DeviceArray


def host_index(array: DeviceArray, index: Any) -> tuple[tuple[Any, ...], bool]:
    """``index`` for the NumPy array behind ``array``, and whether arrays are in it, which copy."""
    from device_arrays.array import DeviceArray

    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, np.ndarray | list) for part in parts):
        raise TypeError("an index of the host, which CuPy would copy to the device at every call")
    arrays = [part for part in parts if isinstance(part, DeviceArray)]
    masks = [part for part in arrays if part.dtype == np.bool_]
    if len(masks) > 1:
        raise IndexError("CuPy takes one mask at most")
    if masks or any(isinstance(part, bool | np.bool_) for part in parts):
        wait("an index that is a mask")
    used = sum(part.ndim if _is_mask(part) else 1 for part in parts if part is not None and part is not Ellipsis)
    place: list[Any] = []
    dim = 0
    for part in parts:
        if isinstance(part, DeviceArray):
            place.append(part.simulated if _is_mask(part) else _wrapped(part, array.shape[dim]))
            dim += part.ndim if _is_mask(part) else 1
        else:
            place.append(part)
            if part is Ellipsis:
                dim += array.ndim - used
            elif part is not None:
                dim += 1
    return tuple(place), bool(arrays)


def _is_mask(part: Any) -> bool:
    return getattr(part, "dtype", None) == np.bool_ and hasattr(part, "simulated")


def _wrapped(part: DeviceArray, size: int) -> np.ndarray:
    if part.dtype.kind not in "iu":
        raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {part.dtype.type})")
    return np.asarray(part.simulated % size) if size else part.simulated
