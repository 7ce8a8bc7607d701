"""Values written, added or combined at positions that tensors of indices name; each with its form in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.dispatch import Number, constant, is_number, normalize_dim, require_tensor
from tinyconv.ops.indexing.index_tensors import along, vector
from tinyconv.ops.indexing.indexing import AddItem, SetItem
from tinyconv.ops.indexing.placement import same_type, scattered, tensor_values
from tinyconv.ops.indexing.positions import Index, parse
from tinyconv.ops.shape.shape import expand, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """``input`` with y[index[i][j]][j] = src[i][j] for ``dim`` 0, and so on; of several for one place, one stays.

    ``value``: another name for ``src`` where that is a number.

    Shape: any; ``index`` has as many dimensions and fits inside ``src`` and, but along ``dim``, inside the input.
    Dtype: any; ``src`` (a tensor or a number) has the input's, ``index`` is int64 or int32.
    Raises: ``ShapeError`` for an index that does not fit, ``DimensionError`` for one out of range, ``DTypeError``;
        ``ArgumentError`` unless one of ``src`` and ``value`` is given.

    >>> tc.scatter(tc.zeros(2, 3), 1, tc.tensor([[0], [2]]), 5.0)
    tensor([[5., 0., 0.],
            [0., 0., 5.]])
    """
    require_tensor("scatter", input=input, index=index)
    place, values = scattered("scatter", input, dim, index, _given("scatter", src, value))
    return SetItem(place).apply(input, values)


def scatter_(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Tensor:
    """``scatter`` in place.

    Shape: as for ``scatter``.
    Dtype: as for ``scatter``.
    Raises: as ``scatter``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).scatter_(0, tc.tensor([1]), 5.0)
    tensor([0., 5., 0.])
    """
    require_tensor("scatter_", input=input, index=index)
    place, values = scattered("scatter_", input, dim, index, _given("scatter_", src, value))
    return SetItem(place).apply_in_place(input, values, name="scatter_")


def _given(name: str, src: Any, value: Any) -> Any:
    if (src is None) == (value is None):
        raise ArgumentError(f"{name}: takes either src, a tensor, or value, a number")
    if value is not None and not is_number(value):
        raise DTypeError(f"{name}: value is a number, got {type(value).__name__}; a tensor is given as src")
    return src if value is None else value


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with src[i][j] added at y[index[i][j]][j] for ``dim`` 0, and so on; one place may receive several.

    Shape: any; ``index`` has as many dimensions and fits inside ``src`` and, but along ``dim``, inside the input.
    Dtype: any; ``src`` has the input's, ``index`` is int64 or int32.
    Raises: ``ShapeError`` for an index that does not fit, ``DimensionError`` for one out of range, ``DTypeError``.

    >>> tc.scatter_add(tc.zeros(3), 0, tc.tensor([0, 0, 2]), tc.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    require_tensor("scatter_add", input=input, index=index, src=src)
    place, values = scattered("scatter_add", input, dim, index, tensor_values("scatter_add", src))
    return AddItem(place).apply(input, values)


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``scatter_add`` in place.

    Shape: as for ``scatter_add``.
    Dtype: as for ``scatter_add``.
    Raises: as ``scatter_add``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).scatter_add_(0, tc.tensor([1, 1]), tc.ones(2))
    tensor([0., 2., 0.])
    """
    require_tensor("scatter_add_", input=input, index=index, src=src)
    place, values = scattered("scatter_add_", input, dim, index, tensor_values("scatter_add_", src))
    return AddItem(place).apply_in_place(input, values, name="scatter_add_")


def _slices(name: str, input: Tensor, dim: int, index: Any, source: Any) -> tuple[Index, Any]:
    """Where slices along ``dim`` go, and the slices, one for each index."""
    values = same_type(name, input, tensor_values(name, source))
    dim = normalize_dim(name, dim, input.ndim)
    array = vector(name, index, dim, input)
    if input.ndim == 0:
        if array.size != 1 or values.array.size != 1:
            raise ShapeError(f"{name}: a tensor without dimensions takes one slice, got {array.size}")
        return Index((...,)), reshape(values, ())
    if values.ndim == 0 and array.size == 1 and input.ndim == 1:
        values = reshape(values, (1,))
    expected = (*input.shape[:dim], array.size, *input.shape[dim + 1 :])
    if values.shape != expected:
        raise ShapeError(
            f"{name}: {array.size} slices along dimension {dim} of {input.shape} have shape {expected}, "
            f"got {values.shape}"
        )
    return along(dim, array), values


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """``input`` with ``alpha`` times the slices of ``source`` added to its slices ``index`` along ``dim``.

    Shape: any; ``source`` has the input's but one slice for each index along ``dim``.
    Dtype: any; ``source`` has the input's, ``index`` is int64 or int32.
    Raises: ``ShapeError`` for slices that do not fit, ``DimensionError`` for an index out of range, ``DTypeError``.

    >>> tc.index_add(tc.zeros(3), 0, tc.tensor([0, 0]), tc.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    require_tensor("index_add", input=input, index=index, source=source)
    place, values = _slices("index_add", input, dim, index, source)
    return AddItem(place).apply(input, values if alpha == 1 else values * alpha)


def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """``index_add`` in place.

    Shape: as for ``index_add``.
    Dtype: as for ``index_add``.
    Raises: as ``index_add``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).index_add_(0, tc.tensor([2]), tc.ones(1), alpha=4)
    tensor([0., 0., 4.])
    """
    require_tensor("index_add_", input=input, index=index, source=source)
    place, values = _slices("index_add_", input, dim, index, source)
    return AddItem(place).apply_in_place(input, values if alpha == 1 else values * alpha, name="index_add_")


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with its slices ``index`` along ``dim`` replaced by those of ``source``.

    Shape: any; ``source`` has the input's but one slice for each index along ``dim``.
    Dtype: any; ``source`` has the input's, ``index`` is int64 or int32.
    Raises: ``ShapeError`` for slices that do not fit, ``DimensionError`` for an index out of range, ``DTypeError``.

    >>> tc.index_copy(tc.zeros(3), 0, tc.tensor([2, 0]), tc.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    require_tensor("index_copy", input=input, index=index, source=source)
    place, values = _slices("index_copy", input, dim, index, source)
    return SetItem(place).apply(input, values)


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``index_copy`` in place.

    Shape: as for ``index_copy``.
    Dtype: as for ``index_copy``.
    Raises: as ``index_copy``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).index_copy_(0, tc.tensor([1]), tc.ones(1))
    tensor([0., 1., 0.])
    """
    require_tensor("index_copy_", input=input, index=index, source=source)
    place, values = _slices("index_copy_", input, dim, index, source)
    return SetItem(place).apply_in_place(input, values, name="index_copy_")


def _fill(name: str, input: Tensor, dim: int, index: Any, value: Any) -> tuple[Index, Any]:
    dim = normalize_dim(name, dim, input.ndim)
    array = vector(name, index, dim, input)
    if isinstance(value, TensorBase):
        if value.shape:
            raise ShapeError(f"{name}: the value must be one number, got a tensor of shape {value.shape}")
        values: Any = value.to(input.dtype)  # type: ignore[attr-defined]
    elif is_number(value):
        values = constant(value, input.dtype, input.device)
    else:
        raise DTypeError(f"{name}: the value must be a number, got {type(value).__name__}")
    return (along(dim, array) if input.ndim else Index((None, ...), (array,))), values


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with its slices ``index`` along ``dim`` filled with a number.

    Shape: any; the result has the input's.
    Dtype: any, ``index`` int64 or int32; the result has the input's.
    Raises: ``DimensionError`` for an index out of range, ``ShapeError`` for a value with dimensions.

    >>> tc.index_fill(tc.zeros(3), 0, tc.tensor([0, 2]), 7)
    tensor([7., 0., 7.])
    """
    require_tensor("index_fill", input=input, index=index)
    place, values = _fill("index_fill", input, dim, index, value)
    return SetItem(place).apply(input, values)


def index_fill_(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``index_fill`` in place.

    Shape: as for ``index_fill``.
    Dtype: as for ``index_fill``.
    Raises: as ``index_fill``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).index_fill_(0, tc.tensor([1]), 7)
    tensor([0., 7., 0.])
    """
    require_tensor("index_fill_", input=input, index=index)
    place, values = _fill("index_fill_", input, dim, index, value)
    return SetItem(place).apply_in_place(input, values, name="index_fill_")


def _put(name: str, input: Tensor, indices: Any, values: Any) -> tuple[Index, Any]:
    if not isinstance(indices, list | tuple):
        raise DTypeError(f"{name}: indices is a tuple of index tensors, got {type(indices).__name__}")
    place = parse(input.shape, tuple(indices), input.device)
    values = same_type(name, input, tensor_values(name, values))
    part = place.read_shape(input.shape)
    if values.shape != part and values.shape != ():
        values = expand(values, part)
    return place, values


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with ``x[indices] = values``, or ``+=`` with ``accumulate``, where one place may receive several.

    Shape: any; ``values`` broadcasts to the indexed part. ``indices``: a tuple of index tensors or masks.
    Dtype: any; ``values`` has the input's.
    Raises: ``DimensionError`` for an index out of range, ``ShapeError`` for values that do not fit, ``DTypeError``.

    >>> tc.index_put(tc.zeros(3), (tc.tensor([1, 1]),), tc.tensor([2.0, 3.0]), accumulate=True)
    tensor([0., 5., 0.])
    """
    require_tensor("index_put", input=input, values=values)
    place, values = _put("index_put", input, indices, values)
    return (AddItem if accumulate else SetItem)(place).apply(input, values)


def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """``index_put`` in place.

    Shape: as for ``index_put``.
    Dtype: as for ``index_put``.
    Raises: as ``index_put``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).index_put_((tc.tensor([1]),), tc.tensor(2.0))
    tensor([0., 2., 0.])
    """
    require_tensor("index_put_", input=input, values=values)
    place, values = _put("index_put_", input, indices, values)
    return (AddItem if accumulate else SetItem)(place).apply_in_place(input, values, name="index_put_")
