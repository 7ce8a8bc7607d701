"""Vectors of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyconv.ops.dispatch import Dims
from tinyconv.ops.elementwise.bounds import clamp
from tinyconv.ops.images import require_floating
from tinyconv.ops.reduction.spread import norm

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12) -> Tensor:
    """``input`` over its p-norm along ``dim``: vectors of length 1.

        y = x / max(norm, eps),   norm = (sum |x|^p)^(1/p)

    ``eps`` keeps vectors of zeros at zero.

    Shape: any with the dimension(s) ``dim``; result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DimensionError`` for a dimension that ``input`` does not have; ``DTypeError``.

    >>> F.normalize(tc.tensor([[0.0, -2.0], [0.0, 0.0]]))
    tensor([[ 0., -1.],
            [ 0.,  0.]])
    """
    require_floating("normalize", input=input)
    return input / clamp(norm(input, p, dim, keepdim=True), min=eps)
