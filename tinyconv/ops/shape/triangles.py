"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.arrays import let_write
from tinyconv.core.errors import DimensionError, ShapeError
from tinyconv.ops.dispatch import normalize_dim, require_tensor, require_whole
from tinyconv.ops.shape.shape import clone, ravel

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Diagonal(Operation):
    """y[..., i] = x with i and i + offset in the two dimensions, as a view;  dx is zero but on the diagonal."""

    makes_view = True

    def __init__(self, offset: int, dim1: int, dim2: int) -> None:
        self.offset, self.dims = offset, (dim1, dim2)

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return _diagonal(x, self.offset, *self.dims)

    def backward(self, dy: Tensor) -> Tensor:
        return DiagonalScatter(self.source, self.offset, *self.dims).apply(dy)


class DiagonalScatter(Operation):
    """y is zero with x on its diagonal: the transpose of ``Diagonal``;  dx is the diagonal of dy."""

    def __init__(self, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> None:
        self.shape, self.offset, self.dims = shape, offset, (dim1, dim2)

    def forward(self, x: Any) -> Any:
        result = layout.zeros(self.shape, x.dtype, self.xp)
        _diagonal(result, self.offset, *self.dims)[...] = x
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return Diagonal(self.offset, *self.dims).apply(dy)


def _diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    view = x.diagonal(offset, dim1, dim2)
    let_write(view, x)
    return view


class Triangle(Operation):
    """x on and below (or above) a diagonal, 0 elsewhere;  dx is the same part of dy."""

    def __init__(self, function: str, diagonal: int) -> None:
        self.function, self.diagonal = function, diagonal

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any) -> Any:
        return layout.ordered(getattr(self.xp, self.function)(x, self.diagonal), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return Triangle(self.function, self.diagonal).apply(dy)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal over ``dim1`` and ``dim2``, as the last dimension; ``offset`` > 0 lies above the main one.

    Shape: any with two dimensions or more; the two go, the length of the diagonal is appended.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` unless the dimensions exist and differ.

    >>> tc.diagonal(tc.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    require_tensor("diagonal", input=input)
    require_whole("diagonal", offset=offset)
    first, second = _plane("diagonal", dim1, dim2, input.ndim)
    return Diagonal(offset, first, second).apply(input)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, as a copy; or the matrix with a vector on its diagonal.

    Shape: (M, N), result the diagonal's length; or (N,), result (N + d, N + d) with d = abs(diagonal).
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for another number of dimensions.

    >>> tc.diag(tc.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diag", input=input)
    require_whole("diag", diagonal=diagonal)
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"diag: takes a vector or a matrix, got shape {input.shape}; see diagonal and diag_embed")
    return clone(Diagonal(diagonal, 0, 1).apply(input))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the vectors of the last dimension on their diagonals, and 0 elsewhere.

    Shape: (..., N); result with square dimensions ``dim1``, ``dim2`` of N + abs(offset) in its place.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` unless the two dimensions exist in the result and differ.

    >>> tc.diag_embed(tc.tensor([1, 2]), offset=1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    require_tensor("diag_embed", input=input)
    require_whole("diag_embed", offset=offset)
    if input.ndim == 0:
        raise DimensionError("diag_embed: a tensor without dimensions has no vectors to put on diagonals")
    first, second = _plane("diag_embed", dim1, dim2, input.ndim + 1)
    side = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for dim in sorted((first, second)):
        shape.insert(dim, side)
    return DiagonalScatter(tuple(shape), offset, first, second).apply(input)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of ``input`` on its diagonal, and 0 elsewhere.

    Shape: any; result (n + d, n + d) for n elements and d = abs(offset).
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.diagflat(tc.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diagflat", input=input)
    require_whole("diagflat", offset=offset)
    return diag_embed(ravel(input), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix; integers are summed as int64.

    Shape: (M, N), result ().
    Dtype: any; the result has the input's, int64 for integers.
    Raises: ``ShapeError`` for what is no matrix.

    >>> tc.trace(tc.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    require_tensor("trace", input=input)
    from tinyconv.ops.reduction.reduction import sum

    if input.ndim != 2:
        raise ShapeError(f"trace: takes a matrix, got shape {input.shape}")
    return sum(diagonal(input))


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices in the last two dimensions with 0 above ``diagonal``.

    Shape: (..., M, N); the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for fewer than two dimensions.

    >>> tc.tril(tc.tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]])
    """
    require_tensor("tril", input=input)
    require_whole("tril", diagonal=diagonal)
    return _triangle("tril", input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices in the last two dimensions with 0 below ``diagonal``.

    Shape: (..., M, N); the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for fewer than two dimensions.

    >>> tc.triu(tc.tensor([[1, 2], [3, 4]]), diagonal=1)
    tensor([[0, 2],
            [0, 0]])
    """
    require_tensor("triu", input=input)
    require_whole("triu", diagonal=diagonal)
    return _triangle("triu", input, diagonal)


def _triangle(name: str, input: Tensor, diagonal: int) -> Tensor:
    if input.ndim < 2:
        raise ShapeError(f"{name}: takes matrices in the last two dimensions, got shape {input.shape}")
    reach = max(input.shape[-2:])  # beyond it every diagonal is alike
    return Triangle(name, min(max(diagonal, -reach), reach)).apply(input)


def _plane(name: str, dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    if ndim < 2:
        raise DimensionError(f"{name}: needs two dimensions, the tensor has {ndim}")
    first, second = normalize_dim(name, dim1, ndim), normalize_dim(name, dim2, ndim)
    if first == second:
        raise DimensionError(f"{name}: dimensions {dim1} and {dim2} are the same")
    return first, second
