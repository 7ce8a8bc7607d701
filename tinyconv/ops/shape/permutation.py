"""Dimensions in another order: always views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import DimensionError
from tinyconv.ops.dispatch import normalize_dim, require_tensor, size_tuple
from tinyconv.ops.shape.shape import contiguous, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Permute(Operation):
    """y[i_p(0), i_p(1), ...] = x[i_0, i_1, ...];  dx permutes dy back."""

    makes_view = True

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order

    def forward(self, x: Any) -> Any:
        return x.transpose(self.order)

    def backward(self, dy: Tensor) -> Tensor:
        dx = permute(dy, sorted(range(len(self.order)), key=self.order.__getitem__))
        # Images in their order again: one copy here, instead of a slow pass in every operation before.
        return contiguous(dx) if dx.ndim in layout.CHANNELS_LAST else dx


def permute(input: Tensor, dims: Any, *more: int) -> Tensor:
    """A view with the dimensions in the order ``dims``.

    Shape: any; dimension i of the result is dimension ``dims[i]`` of the input. ``dims``: a sequence, or one by one.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` unless ``dims`` names each dimension once.

    >>> tc.zeros(8, 3, 4, 5).permute(0, 2, 3, 1).shape
    (8, 4, 5, 3)
    """
    require_tensor("permute", input=input)
    given = size_tuple("permute", (dims, *more))
    order = tuple(normalize_dim("permute", dim, input.ndim) for dim in given)
    if sorted(order) != list(range(input.ndim)):
        raise DimensionError(f"permute: {given} does not name each of the {input.ndim} dimensions once")
    return Permute(order).apply(input)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged.

    Shape: any; the sizes of ``dim0`` and ``dim1`` change places.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.tensor([[1, 2], [3, 4]]).transpose(0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    require_tensor("transpose", input=input)
    first, second = (normalize_dim("transpose", dim, input.ndim) for dim in (dim0, dim1))
    order = list(range(input.ndim))
    if input.ndim:
        order[first], order[second] = order[second], order[first]
    return Permute(tuple(order)).apply(input)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """``transpose`` under NumPy's name.

    Shape: any; the sizes of ``axis0`` and ``axis1`` change places.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.zeros(2, 3).swapaxes(0, 1).shape
    (3, 2)
    """
    require_tensor("swapaxes", input=input)
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """``transpose`` under another name.

    Shape: any; the sizes of ``dim0`` and ``dim1`` change places.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range.

    >>> tc.zeros(2, 3).swapdims(0, 1).shape
    (3, 2)
    """
    require_tensor("swapdims", input=input)
    return transpose(input, dim0, dim1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with the dimensions ``source`` moved to the places ``destination``; the others keep their order.

    Shape: any; the sizes move with their dimensions.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for dimensions out of range, named twice, or not equally many.

    >>> tc.zeros(8, 3, 4, 5).movedim(1, -1).shape
    (8, 4, 5, 3)
    """
    require_tensor("movedim", input=input)
    sources, destinations = ((dim,) if isinstance(dim, int) else tuple(dim) for dim in (source, destination))
    origin = [normalize_dim("movedim", dim, input.ndim) for dim in sources]
    target = [normalize_dim("movedim", dim, input.ndim) for dim in destinations]
    if len(origin) != len(target) or len(set(origin)) != len(origin) or len(set(target)) != len(target):
        raise DimensionError(
            f"movedim: source {source} and destination {destination} must name equally many dimensions, each once"
        )
    order = [dim for dim in range(input.ndim) if dim not in origin]
    if input.ndim:
        for place, dim in sorted(zip(target, origin, strict=True)):
            order.insert(place, dim)
    return Permute(tuple(order)).apply(input)


def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """``movedim`` under NumPy's name.

    Shape: any; the sizes move with their dimensions.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for dimensions out of range, named twice, or not equally many.

    >>> tc.zeros(2, 3, 4).moveaxis((0, 1), (1, 0)).shape
    (3, 2, 4)
    """
    require_tensor("moveaxis", input=input)
    return movedim(input, source, destination)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is.

    Shape: (M, N), result (N, M); with fewer dimensions unchanged.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for more than two dimensions.

    >>> tc.tensor([[1, 2], [3, 4]]).t()
    tensor([[1, 3],
            [2, 4]])
    """
    require_tensor("t", input=input)
    if input.ndim > 2:
        raise DimensionError(f"t: expects at most 2 dimensions, got {input.shape}; use transpose(dim0, dim1)")
    return transpose(input, 0, 1) if input.ndim == 2 else reshape(input, input.shape)


def adjoint(input: Tensor) -> Tensor:
    """The matrices in the last two dimensions, transposed: for real numbers the adjoint is the transpose.

    Shape: (..., M, N), result (..., N, M).
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for fewer than two dimensions.

    >>> tc.zeros(5, 2, 3).adjoint().shape
    (5, 3, 2)
    """
    require_tensor("adjoint", input=input)
    if input.ndim < 2:
        raise DimensionError(f"adjoint: expects matrices in the last two dimensions, got shape {input.shape}")
    return transpose(input, -2, -1)
