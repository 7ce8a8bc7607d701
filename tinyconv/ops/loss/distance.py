"""Distances and angles between vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.ops.dispatch import broadcast_shape, normalize_dim
from tinyconv.ops.elementwise.pointwise import number
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place.in_place_forms import clamp_
from tinyconv.ops.reduction.reduction import sum
from tinyconv.ops.reduction.spread import norm
from tinyconv.ops.shape.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along ``dim``: the cosine of the angle between two vectors.

    Shape: x1 and x2 are broadcast together; the result lacks ``dim``.
    Dtype: float32 or float64, the same for both.
    Raises: ``ShapeError``, ``DimensionError``, ``DTypeError``.

    >>> F.cosine_similarity(tc.tensor([[1.0, 0.0]]), tc.tensor([[3.0, 4.0]]))
    tensor([0.6])
    """
    require_floating("cosine_similarity", x1=x1, x2=x2)
    number("cosine_similarity", eps=eps)
    shape = broadcast_shape("cosine_similarity", x1.shape, x2.shape)
    dim = normalize_dim("cosine_similarity", dim, len(shape)) - len(shape)
    first, second = (x.expand(*shape) for x in (x1, x2))
    if not shape:
        dim = 0
    return sum(first / _length(first, dim, eps) * (second / _length(second, dim, eps)), dim)


def _length(x: Tensor, dim: int, eps: float) -> Tensor:
    """max(|x|, eps), through which the gradient passes as if it were |x|."""
    length = clone(norm(x, 2, dim, keepdim=True))
    with no_grad():
        clamp_(length, min=eps)
    return length


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension. ``keepdim`` keeps it, with size 1.

    ``eps`` keeps the gradient defined where both are equal.

    Shape: x1 and x2 are broadcast together; the result lacks their last dimension.
    Dtype: float32 or float64, the same for both.
    Raises: ``ShapeError``, ``DTypeError``.

    >>> F.pairwise_distance(tc.tensor([[0.0, 0.0]]), tc.tensor([[3.0, 4.0]]))
    tensor([5.])
    """
    require_floating("pairwise_distance", x1=x1, x2=x2)
    number("pairwise_distance", p=p)
    broadcast_shape("pairwise_distance", x1.shape, x2.shape)
    return norm(x1 - x2 + number("pairwise_distance", eps=eps), p, -1, keepdim=keepdim)
