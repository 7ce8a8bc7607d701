"""Layers that compare pairs of vectors."""

from __future__ import annotations

from tinyconv.nn.module import Module
from tinyconv.ops.loss import distance
from tinyconv.ops.tensor import Tensor


class CosineSimilarity(Module):
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along ``dim``.

    Shape: x1 and x2 are broadcast together; the result lacks ``dim``.
    Dtype: float32 or float64, the same for both.
    Raises: when called, ``ShapeError``, ``DimensionError``, ``DTypeError``.

    >>> nn.CosineSimilarity()(tc.tensor([[1.0, 0.0]]), tc.tensor([[3.0, 4.0]]))
    tensor([0.6])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return distance.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last dimension. ``keepdim`` keeps it, with size 1.

    Shape: x1 and x2 are broadcast together; the result lacks their last dimension.
    Dtype: float32 or float64, the same for both.
    Raises: when called, ``ShapeError``, ``DTypeError``.

    >>> nn.PairwiseDistance(p=1.0)(tc.tensor([[0.0, 0.0]]), tc.tensor([[3.0, 4.0]]))
    tensor([7.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return distance.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
