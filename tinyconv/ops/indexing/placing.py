"""Values written at masks and at flat positions, values combined with those in place, and one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape, require_tensor, wrap
from tinyconv.ops.indexing.index_tensors import flat_index, mask_array
from tinyconv.ops.indexing.indexing import AddItem, GetItem, SetItem
from tinyconv.ops.indexing.placement import same_type, scattered, tensor_values
from tinyconv.ops.indexing.positions import Index, parse
from tinyconv.ops.shape.shape import expand, ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements where ``mask`` holds replaced, in order, by the first ones of ``source``.

    Shape: any that broadcast together; ``source`` has at least as many elements as the mask is true for.
    Dtype: any, ``mask`` bool; ``source`` has the input's.
    Raises: ``ShapeError`` for too few elements, ``DTypeError`` for another type.

    >>> tc.masked_scatter(tc.zeros(3), tc.tensor([True, False, True]), tc.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    require_tensor("masked_scatter", input=input, mask=mask, source=source)
    place, values, common = _masked("masked_scatter", input, mask, source)
    return SetItem(place).apply(input if common == input.shape else expand(input, common), values)


def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``masked_scatter`` in place.

    Shape: as for ``masked_scatter``; ``mask`` broadcasts to the tensor.
    Dtype: as for ``masked_scatter``.
    Raises: as ``masked_scatter``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).masked_scatter_(tc.tensor([True, False, True]), tc.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    require_tensor("masked_scatter_", input=input, mask=mask, source=source)
    place, values, common = _masked("masked_scatter_", input, mask, source)
    if common != input.shape:
        raise ShapeError(f"masked_scatter_: a mask of shape {mask.shape} does not broadcast to {input.shape}")
    return SetItem(place).apply_in_place(input, values, name="masked_scatter_")


def _masked(name: str, input: Tensor, mask: Any, source: Any) -> tuple[Index, Any, tuple[int, ...]]:
    array = mask_array(name, mask, input.device)
    values = same_type(name, input, tensor_values(name, source))
    common = broadcast_shape(name, input.shape, mask.shape)
    array = array_module(input.device).broadcast_to(array, common)
    count = int(array.sum())
    if values.array.size < count:
        raise ShapeError(f"{name}: the mask is true for {count} elements, the source has {values.array.size}")
    if not common:
        return parse(common, (wrap(array, input.device),), input.device), ravel(values)[:count], common
    return parse(common, wrap(array, input.device), input.device), ravel(values)[:count], common


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements at positions ``index`` of its row of elements replaced, or added to.

    Shape: any; ``source`` has as many elements as ``index``.
    Dtype: any, ``index`` int64; ``source`` has the input's.
    Raises: ``ShapeError`` for another number of elements, ``DimensionError`` for an index out of range.

    >>> tc.zeros(2, 2).put(tc.tensor([3]), tc.tensor([5.0]))
    tensor([[0., 0.],
            [0., 5.]])
    """
    require_tensor("put", input=input, index=index, source=source)
    place, values = _flat("put", input, index, source)
    return (AddItem if accumulate else SetItem)(place).apply(input, values)


def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``put`` in place.

    Shape: as for ``put``.
    Dtype: as for ``put``.
    Raises: as ``put``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.zeros(3).put_(tc.tensor([0, 0]), tc.ones(2), accumulate=True)
    tensor([2., 0., 0.])
    """
    require_tensor("put_", input=input, index=index, source=source)
    place, values = _flat("put_", input, index, source)
    return (AddItem if accumulate else SetItem)(place).apply_in_place(input, values, name="put_")


def _flat(name: str, input: Tensor, index: Any, source: Any) -> tuple[Index, Any]:
    values = same_type(name, input, tensor_values(name, source))
    place = flat_index(name, index, input)
    if values.array.size != index.array.size:
        raise ShapeError(f"{name}: {index.array.size} positions need as many values, got {values.array.size}")
    return place, reshape(values, index.shape)


class ScatterReduce(Operation):
    """y = the sum, product, mean or extreme of what meets at each place.

    dy goes to all that met (sum), divided by their number (mean), or in equal shares to those that reach the extreme.
    """

    def __init__(self, index: Index, reduce: str, include_self: bool) -> None:
        self.index, self.function, self.include_self = index, reduce, include_self

    @property
    def name(self) -> str:
        return f"scatter_reduce({self.function})"

    def forward(self, x: Any, values: Any) -> Any:
        if self.function in ("amax", "amin", "prod"):
            self.retain_inputs(0, 1)
            self.retain_output()
        result = layout.copy(x, self.xp)
        met = self.xp.zeros(x.shape, np.int64)
        self.index.add(self.device, met, self.xp.ones(values.shape, np.int64))
        self.saved = met
        if not self.include_self:
            first = {"sum": 0, "mean": 0, "prod": 1}.get(self.function)
            worst = _worst(self.function, x.dtype) if first is None else first
            self.xp.copyto(result, worst, where=met > 0, casting="unsafe")
        if self.function in ("sum", "mean"):
            self.index.add(self.device, result, values)
        else:
            combine = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}[self.function]
            part = result[self.index.basic]
            backend(self.device).combine_at(part, self.index.advanced, values, combine)
        if self.function == "mean":
            count = self.xp.maximum(met + self.include_self, 1)
            result = result / count if x.dtype.kind == "f" else result // count
        return layout.ordered(result.astype(x.dtype, copy=False), self.xp)

    def backward(self, dy: Tensor) -> Any:
        met = self.saved
        keeps = self.constant_like(dy, (met == 0) | self.include_self)
        if self.function == "sum":
            return dy * keeps, GetItem(self.index).apply(dy)
        if self.function == "mean":
            shared = dy / self.constant_like(dy, self.xp.maximum(met + self.include_self, 1))
            return shared * keeps, GetItem(self.index).apply(shared)
        x, values, y = self.retained()
        if self.function == "prod":
            # What met without the zeros; a place with a zero passes dy to that zero alone.
            if bool((values.array == 0).any()) or bool((x.array == 0).any()):
                raise ArgumentError("scatter_reduce(prod): the gradient at an element that is 0 is not offered")
            shared = dy * y
            return shared / x * keeps, GetItem(self.index).apply(shared) / values
        own = self.constant_like(dy, (x.array == y.array) & ((met == 0) | self.include_self))
        reached = self.constant_like(dy, values.array == self.index.read(y.array))
        count = AddItem(self.index).apply(own, reached)
        shared = dy / self.constant_like(dy, self.xp.maximum(count.array, 1))
        return shared * own, GetItem(self.index).apply(shared) * reached

    def constant_like(self, dy: Tensor, array: Any) -> Any:
        return wrap(layout.ordered(array.astype(dy.dtype.numpy), self.xp), self.device)


def _worst(function: str, dtype: Any) -> Any:
    if dtype.kind == "f":
        return -np.inf if function == "amax" else np.inf
    if dtype.kind == "b":
        return function == "amin"
    limits = np.iinfo(dtype)
    return limits.min if function == "amax" else limits.max


def _reduced(name: str, input: Tensor, dim: int, index: Any, src: Any, reduce: str, include: bool) -> tuple[Any, Any]:
    if reduce not in REDUCTIONS:
        raise ArgumentError(f"{name}: reduce is one of {', '.join(REDUCTIONS)}, got {reduce!r}")
    place, values = scattered(name, input, dim, index, tensor_values(name, src))
    if place.advanced is None:
        place = Index((None, ...), (array_module(input.device).zeros(1, np.int64),), False)
        values = reshape(values, (1,))
    return ScatterReduce(place, reduce, include), values


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` with the values of ``src`` combined at the places that ``scatter`` would write to.

    ``reduce``: "sum", "prod", "mean", "amax" or "amin". ``include_self``: whether the input's own element counts.

    Shape: any; ``index`` has as many dimensions and fits inside ``src`` and, but along ``dim``, inside the input.
    Dtype: any; ``src`` has the input's, ``index`` is int64 or int32.
    Raises: ``ArgumentError`` for another ``reduce``, and in the gradient of "prod" at zeros; else as ``scatter``.

    >>> tc.zeros(2).scatter_reduce(0, tc.tensor([0, 0]), tc.tensor([3.0, 5.0]), "amax")
    tensor([5., 0.])
    """
    require_tensor("scatter_reduce", input=input, index=index, src=src)
    operation, values = _reduced("scatter_reduce", input, dim, index, src, reduce, include_self)
    return operation.apply(input, values)


def scatter_reduce_(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``scatter_reduce`` in place.

    Shape: as for ``scatter_reduce``.
    Dtype: as for ``scatter_reduce``.
    Raises: as ``scatter_reduce``; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.ones(2).scatter_reduce_(0, tc.tensor([0, 0]), tc.tensor([3.0, 5.0]), "mean")
    tensor([3., 1.])
    """
    require_tensor("scatter_reduce_", input=input, index=index, src=src)
    operation, values = _reduced("scatter_reduce_", input, dim, index, src, reduce, include_self)
    return operation.apply_in_place(input, values, name="scatter_reduce_")
