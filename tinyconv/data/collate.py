"""From a list of samples to a batch of tensors, by PyTorch's rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import DataError, DTypeError, ShapeError, UnsupportedError
from tinyconv.ops.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples along a new first dimension.

    Tensors and arrays are stacked; ints become an int64 tensor, floats a float64 one, bools a bool one; strings stay a
    list. Tuples and lists of fields, named tuples and dictionaries are collated field by field.
    Raises ``ShapeError`` where samples differ in shape, ``DTypeError`` for what cannot be stacked.
    """
    if not batch:
        raise DataError("default_collate: the batch is empty")
    first = batch[0]
    if isinstance(first, Tensor):
        return _stack([_array(sample) for sample in batch])
    if isinstance(first, np.ndarray | np.generic):
        if first.dtype.kind in "USO":
            raise DTypeError(f"default_collate: arrays of type {first.dtype} cannot become tensors; give numbers")
        return _stack([np.asarray(sample) for sample in batch])
    if isinstance(first, bool | int | float):
        return Tensor(np.array(batch, np.result_type(*{type(number) for number in batch})))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, tuple | list):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ShapeError(f"default_collate: samples have {lengths} fields; every sample must have the same number")
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return type(first)(*fields) if hasattr(first, "_fields") else fields
    raise DTypeError(
        "default_collate: samples must be tensors, arrays, numbers, strings, or tuples, lists and dictionaries of "
        f"them, got {type(first).__name__}; convert it in the dataset, or pass a collate_fn"
    )


def default_convert(data: Any) -> Any:
    """Turn the arrays in one sample (or ready batch) into tensors; everything else stays as it is."""
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind not in "USO":
        return Tensor(layout.ordered(np.asarray(data)))
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple):
        values = [default_convert(value) for value in data]
        return type(data)(*values) if hasattr(data, "_fields") else tuple(values)
    if isinstance(data, list):
        return [default_convert(value) for value in data]
    return data


def _array(sample: Tensor) -> Array:
    if sample.requires_grad:
        raise UnsupportedError("default_collate: samples that require gradients are not batched; detach() them")
    return sample.array


def _stack(arrays: list[Array]) -> Tensor:
    """One tensor of all arrays, in the engine's layout. Copies with NumPy: loader threads start no kernel."""
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        listed = ", ".join(map(str, sorted(shapes)[:4]))
        raise ShapeError(
            f"default_collate: samples of different shapes ({listed}) make no batch; resize or pad them to one shape "
            "in the dataset, or pass a collate_fn"
        )
    dtype = np.result_type(*{array.dtype for array in arrays})
    dtypes.from_numpy(dtype)  # refuses what tensors cannot hold, while the dataset is still in sight
    batch = layout.empty((len(arrays), *arrays[0].shape), dtype)
    for position, array in enumerate(arrays):
        batch[position] = array
    return Tensor(batch)
