"""From a list of samples to a batch of tensors, by PyTorch's rules."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyconv.core import dtypes, exchange, layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import CPU
from tinyconv.core.errors import DataError, DTypeError, ShapeError, UnsupportedError
from tinyconv.ops.creation.creation import as_tensor
from tinyconv.ops.shape.join import stack
from tinyconv.ops.tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack samples along a new first dimension.

    Tensors and arrays are stacked, PyTorch's and JAX's too; numbers become a tensor; strings stay as they are, in a
    list, or as a field in a tuple. Tuples and lists of fields, named tuples and dictionaries are collated field by
    field.

    Shape: B samples (...) become (B, ...).
    Dtype: of tensors and arrays their own; ints become int64, floats float64, bools bool.
    Raises: ``ShapeError`` where samples differ in shape or number of fields; ``DTypeError`` for what cannot be stacked;
        ``DataError`` for no samples, or one without a field; ``UnsupportedError`` for tensors that require a gradient.

    >>> from tinyconv.utils.data import default_collate
    >>> default_collate([{"x": tc.zeros(2), "label": 3}, {"x": tc.ones(2), "label": 4}])["x"].tolist()
    [[0.0, 0.0], [1.0, 1.0]]
    """
    if not batch:
        raise DataError("default_collate: the batch is empty")
    first = batch[0]
    if _is_array_of_others(first):
        batch = [as_tensor(sample) for sample in batch]
        first = batch[0]
    if isinstance(first, Tensor):
        arrays = [_array(sample) for sample in batch]
        return _stack(arrays) if all(sample.device == CPU for sample in batch) else stack(list(batch))
    if isinstance(first, np.ndarray | np.generic):
        if first.dtype.kind in "USO":
            raise DTypeError(f"default_collate: arrays of type {first.dtype} cannot become tensors; give numbers")
        return _stack([np.asarray(sample) for sample in batch])
    if isinstance(first, bool | int | float):
        return Tensor(np.array(batch, np.result_type(*{type(number) for number in batch})))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        for sample in batch:
            if missing := [key for key in first if key not in sample]:
                raise DataError(f"default_collate: a sample has no field {missing[0]!r}, which the first one has")
        return _like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple | list):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ShapeError(f"default_collate: samples have {lengths} fields; every sample must have the same number")
        fields = [default_collate(field) for field in zip(*batch, strict=True)]
        return type(first)(*fields) if hasattr(first, "_fields") else fields
    raise DTypeError(
        "default_collate: samples must be tensors, arrays, numbers, strings, or tuples, lists and dictionaries of "
        f"them, got {type(first).__name__}; convert it in the dataset, or pass a collate_fn"
        + ("; tinyconv.data.map_dataset.MapDataset makes arrays of images" if _is_picture(first) else "")
    )


def default_convert(data: Any) -> Any:
    """Turn the arrays in one sample (or ready batch) into tensors; everything else stays as it is.

    Arrays, those of other libraries and NumPy's numbers inside dictionaries, lists and tuples are found; a tuple
    becomes a list, as in PyTorch, unless its fields have names.

    Shape: any; arrays keep theirs.
    Dtype: any; arrays keep theirs.
    Raises: ``DTypeError`` for arrays of a type that tensors cannot have.

    >>> from tinyconv.utils.data import default_convert
    >>> default_convert({"label": "cat", "box": np.array([1, 2])})["box"].tolist()
    [1, 2]
    """
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind not in "USO":
        return Tensor(layout.ordered(np.asarray(data)))
    if _is_array_of_others(data):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple | list):
        values = [default_convert(value) for value in data]
        return type(data)(*values) if hasattr(data, "_fields") else values
    return data


def _is_array_of_others(value: Any) -> bool:
    return not isinstance(value, Tensor) and exchange.is_foreign(value) and not _is_picture(value)


def _is_picture(value: Any) -> bool:
    """Whether ``value`` is Pillow's: no array, though it can be read as one, channels last and in bytes."""
    return type(value).__module__.startswith("PIL.")


def _like(mapping: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    """``entries`` as a mapping of the kind of ``mapping``, with what else it may hold, such as a default."""
    if type(mapping) is dict:
        return entries
    try:
        result = copy.copy(mapping)
        result.update(entries)  # type: ignore[attr-defined]  # a mapping that cannot change has none
    except (AttributeError, TypeError):
        return entries
    return result


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
    # Refuses what tensors cannot hold, while the dataset is still in sight.
    kinds = {array.dtype: dtypes.from_numpy(array.dtype) for array in arrays}
    dtype = functools.reduce(dtypes.promote_types, kinds.values())
    batch = layout.empty((len(arrays), *arrays[0].shape), dtype.numpy)
    for position, array in enumerate(arrays):
        batch[position] = array
    return Tensor(batch)
