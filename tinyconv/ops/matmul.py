"""Matrix products, on the project's own matrix kernel.

C = A B,  C_ij = sum_k A_ik B_kj;  dA = dC B^T,  dB = A^T dC.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.errors import ShapeError
from tinyconv.ops.dispatch import broadcast_shape, operands
from tinyconv.ops.shape import reduce_to, reshape, transpose, unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class MatrixProduct(Operation):
    """C = A B for (..., M, K) and (..., K, N), leading dimensions broadcast;  dA = dC B^T,  dB = A^T dC."""

    kind = "matmul"

    def forward(self, a: Any, b: Any) -> Any:
        self.retain_factors()
        self.shapes = a.shape, b.shape
        if not np.issubdtype(a.dtype, np.floating):
            return layout.ordered(self.xp.matmul(a, b), self.xp)
        product = backend(self.device).matmul
        if b.ndim == 2:
            # One matrix on the right: all rows of the left ones form one tall matrix.
            rows = product(a.reshape(math.prod(a.shape[:-1]), a.shape[-1]), b)
            return layout.ordered(rows.reshape(*a.shape[:-1], b.shape[-1]), self.xp)
        batch = broadcast_shape("matmul", a.shape[:-2], b.shape[:-2])
        a = self.xp.broadcast_to(a, batch + a.shape[-2:])
        b = self.xp.broadcast_to(b, batch + b.shape[-2:])
        result = layout.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype, self.xp)
        for position in np.ndindex(batch):
            result[position] = product(a[position], b[position])
        return result

    def backward(self, dc: Tensor) -> Any:
        a, b = self.retained()
        da = db = None
        if self.needs_input_gradient[0]:
            da = reduce_to(matmul(dc, transpose(b, -2, -1)), self.shapes[0])
        if self.needs_input_gradient[1]:
            if len(self.shapes[1]) == 2 and a.ndim > 2:
                rows = math.prod(a.shape[:-1])
                a, dc = reshape(a, rows, a.shape[-1]), reshape(dc, rows, dc.shape[-1])
            db = reduce_to(matmul(transpose(a, -2, -1), dc), self.shapes[1])
        return da, db


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; a vector counts as a row on the left, a column on the right; leading dimensions broadcast."""
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(f"matmul: needs vectors or matrices, got shapes {input.shape} and {other.shape}")
    a, b = operands("matmul", input, other)
    if a.ndim == 1:
        a = unsqueeze(a, 0)
    if b.ndim == 1:
        b = unsqueeze(b, 1)
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"matmul: {input.shape} @ {other.shape}: the last size of the first, {a.shape[-1]}, must equal the "
            f"{'size' if other.ndim == 1 else 'second-to-last size'} of the second, {b.shape[-2]}"
        )
    product: Tensor = MatrixProduct().apply(a, b)
    shape = list(product.shape)
    if other.ndim == 1:
        del shape[-1]
    if input.ndim == 1:
        del shape[-1 if other.ndim == 1 else -2]
    return product if len(shape) == product.ndim else reshape(product, *shape)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, without broadcasting."""
    if input.ndim != 2 or mat2.ndim != 2:
        raise ShapeError(f"mm: needs two matrices, got shapes {input.shape} and {mat2.shape}")
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two equally long lists of matrices: (B, M, K) and (B, K, N) give (B, M, N)."""
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ShapeError(f"bmm: needs (B, M, K) and (B, K, N), got shapes {input.shape} and {mat2.shape}")
    return matmul(input, mat2)
