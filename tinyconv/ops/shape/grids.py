"""Several tensors brought to common dimensions: broadcasting, grids of coordinates, all pairs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.transfer import placed
from tinyconv.ops.dispatch import broadcast_shape, size_tuple
from tinyconv.ops.indexing.gathering import index_select
from tinyconv.ops.shape.join import stack
from tinyconv.ops.shape.permutation import transpose
from tinyconv.ops.shape.shape import expand, ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of all ``tensors``, repeated to their common shape.

    Shape: any that broadcast; each result has the common shape.
    Dtype: any; each result has its tensor's.
    Raises: ``ShapeError`` for shapes that do not broadcast.

    >>> a, b = tc.broadcast_tensors(tc.zeros(3, 1), tc.zeros(4))
    >>> a.shape, b.shape
    ((3, 4), (3, 4))
    """
    given = _tensors("broadcast_tensors", tensors)
    common = broadcast_shape("broadcast_tensors", *(tensor.shape for tensor in given)) if given else ()
    return tuple(expand(tensor, common) for tensor in given)


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that tensors of these ``shapes`` (tuples, or ints for one dimension) broadcast to.

    Raises: ``ShapeError`` for shapes that do not broadcast.

    >>> tc.broadcast_shapes((3, 1), (4,), (2, 1, 1))
    (2, 3, 4)
    """
    sizes = [size_tuple("broadcast_shapes", (shape,)) for shape in shapes]
    if any(size < 0 for shape in sizes for size in shape):
        raise ShapeError(f"broadcast_shapes: sizes are 0 or more, got {shapes}")
    return broadcast_shape("broadcast_shapes", *sizes) if sizes else ()


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid: result i holds vector i along dimension i, repeated along the others.

    ``indexing``: "ij" (the default), or "xy", which exchanges the first two dimensions.

    Shape: vectors or single numbers, one by one or in a sequence; each result has one dimension for each.
    Dtype: any, the same for all; the results have it.
    Raises: ``ShapeError`` for more than one dimension, ``ArgumentError`` for another ``indexing``.

    >>> rows, columns = tc.meshgrid(tc.arange(2), tc.arange(3), indexing="ij")
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    given = _tensors("meshgrid", tensors)
    if indexing not in (None, "ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing is 'ij' or 'xy', got {indexing!r}")
    if not given:
        raise ArgumentError("meshgrid: needs at least one tensor")
    if len({tensor.dtype for tensor in given}) > 1:
        raise DTypeError(f"meshgrid: tensors must have one type, got {[tensor.dtype.name for tensor in given]}")
    for position, tensor in enumerate(given):
        if tensor.ndim > 1:
            raise ShapeError(f"meshgrid: tensor {position} has shape {tensor.shape}; only vectors and numbers span one")
    common = tuple(tensor.array.size for tensor in given)
    grids = []
    for dim, tensor in enumerate(given):
        alone = tuple(size if dim == own else 1 for own, size in enumerate(common))
        grids.append(expand(reshape(tensor, alone), common))
    return tuple(transpose(grid, 0, 1) if indexing == "xy" and len(given) > 1 else grid for grid in grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element from each vector, as rows; the last changes fastest.

    Shape: vectors of N1, N2, ... elements; result (N1 N2 ..., number of vectors), of one vector itself.
    Dtype: any, the same for all; the result has it.
    Raises: ``ShapeError`` for what is no vector.

    >>> tc.cartesian_prod(tc.tensor([1, 2]), tc.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = _tensors("cartesian_prod", tensors)
    for position, tensor in enumerate(given):
        if tensor.ndim != 1:
            raise ShapeError(f"cartesian_prod: takes vectors, tensor {position} has shape {tensor.shape}")
    if len(given) == 1:
        return reshape(given[0], given[0].shape)
    return stack([ravel(grid) for grid in meshgrid(*given)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements in their order, as rows; each may be chosen again ``with_replacement``.

    Shape: a vector of N elements; result (number of choices, r).
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for what is no vector, ``ArgumentError`` for a negative ``r``.

    >>> tc.combinations(tc.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise ShapeError(f"combinations: takes a vector, got shape {input.shape}")
    if r < 0:
        raise ArgumentError(f"combinations: r is a number of elements, got {r}")
    if r == 0:
        return reshape(input.detach()[:0], (0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, r)
    places = placed(chosen.reshape(-1), input.device)
    picked = index_select(input, 0, TensorBase.wrap(places, input.device))  # type: ignore[arg-type]
    return reshape(picked, chosen.shape)


def atleast_1d(*tensors: Any) -> Any:
    """The tensor, as a vector if it has no dimensions. Several give a tuple.

    Shape: any; () becomes (1,).
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.atleast_1d(tc.tensor(3.0))
    tensor([3.])
    """
    return _each("atleast_1d", tensors, lambda shape: shape or (1,))


def atleast_2d(*tensors: Any) -> Any:
    """The tensor, as a matrix of one row if it has fewer than two dimensions. Several give a tuple.

    Shape: any; () becomes (1, 1), (N,) becomes (1, N).
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.atleast_2d(tc.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each("atleast_2d", tensors, lambda shape: (1,) * (2 - len(shape)) + shape)


def atleast_3d(*tensors: Any) -> Any:
    """The tensor with at least three dimensions. Several give a tuple.

    Shape: any; () becomes (1, 1, 1), (N,) becomes (1, N, 1), (M, N) becomes (M, N, 1).
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.atleast_3d(tc.zeros(2, 3)).shape
    (2, 3, 1)
    """
    return _each(
        "atleast_3d", tensors, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape)
    )


def _each(name: str, tensors: tuple[Any, ...], target: Any) -> Any:
    given = _tensors(name, tensors)
    results = tuple(
        tensor if target(tensor.shape) == tensor.shape else reshape(tensor, target(tensor.shape)) for tensor in given
    )
    return results[0] if len(tensors) == 1 and isinstance(tensors[0], TensorBase) else results


def _tensors(name: str, tensors: tuple[Any, ...]) -> list[Any]:
    """``f(a, b)`` and ``f([a, b])`` mean the same."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for position, tensor in enumerate(tensors):
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"{name}: argument {position} is a {type(tensor).__name__}, no tensor")
    return list(tensors)
