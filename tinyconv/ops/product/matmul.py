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
from tinyconv.ops.dispatch import broadcast_shape, check_factors
from tinyconv.ops.shape.permutation import transpose
from tinyconv.ops.shape.shape import reduce_to, reshape, unsqueeze

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
                a, dc = reshape(a, (rows, a.shape[-1])), reshape(dc, (rows, dc.shape[-1]))
            db = reduce_to(matmul(transpose(a, -2, -1), dc), self.shapes[1])
        return da, db


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product; a vector counts as a row on the left, a column on the right; leading dimensions broadcast.

    Shape: (..., M, K) and (..., K, N), result (..., M, N); of a vector, its dimension is left out.
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for sizes that do not match, ``DTypeError`` for types that differ.

    >>> tc.matmul(tc.tensor([[1.0, 2.0], [3.0, 4.0]]), tc.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    check_factors("matmul", input, other)
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError(f"matmul: needs vectors or matrices, got shapes {input.shape} and {other.shape}")
    a = unsqueeze(input, 0) if input.ndim == 1 else input
    b = unsqueeze(other, 1) if other.ndim == 1 else other
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"matmul: {input.shape} @ {other.shape}: the last size of the first, {a.shape[-1]}, must equal the "
            f"{'size' if other.ndim == 1 else 'second-to-last size'} of the second, {b.shape[-2]}"
        )
    product: Tensor = MatrixProduct().apply(a, b)
    if input.ndim > 1 and other.ndim > 1:
        return product
    shape = list(product.shape)
    if other.ndim == 1:
        del shape[-1]
    if input.ndim == 1:
        del shape[-1 if other.ndim == 1 else -2]
    return reshape(product, tuple(shape)).own_memory()


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, without broadcasting.

    Shape: (M, K) and (K, N), result (M, N).
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.mm(tc.tensor([[1.0, 2.0]]), tc.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    check_factors("mm", input, mat2)
    if input.ndim != 2 or mat2.ndim != 2 or input.shape[1] != mat2.shape[0]:
        raise ShapeError(f"mm: needs (M, K) and (K, N), got shapes {input.shape} and {mat2.shape}; use matmul")
    return MatrixProduct().apply(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two equally long lists of matrices.

    Shape: (B, M, K) and (B, K, N), result (B, M, N).
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.bmm(tc.ones(5, 1, 2), tc.ones(5, 2, 3)).shape
    (5, 1, 3)
    """
    check_factors("bmm", input, mat2)
    if input.ndim != 3 or mat2.ndim != 3 or (input.shape[0], input.shape[2]) != mat2.shape[:2]:
        raise ShapeError(f"bmm: needs (B, M, K) and (B, K, N), got shapes {input.shape} and {mat2.shape}")
    return MatrixProduct().apply(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector.

    Shape: (M, K) and (K,), result (M,).
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.mv(tc.tensor([[1.0, 2.0], [3.0, 4.0]]), tc.tensor([1.0, 0.0]))
    tensor([1., 3.])
    """
    if input.ndim != 2 or vec.ndim != 1 or input.shape[1] != vec.shape[0]:
        raise ShapeError(f"mv: needs (M, K) and (K,), got shapes {input.shape} and {vec.shape}")
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors' elements.

    Shape: (N,) and (N,), result ().
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.dot(tc.tensor([1, 2]), tc.tensor([3, 4]))
    tensor(11)
    """
    return _dot("dot", input, tensor)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """``dot``: of real vectors they are the same.

    Shape: (N,) and (N,), result ().
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.vdot(tc.tensor([1, 2]), tc.tensor([3, 4]))
    tensor(11)
    """
    return _dot("vdot", input, other)


def _dot(name: str, first: Tensor, second: Tensor) -> Tensor:
    check_factors(name, first, second)
    if first.ndim != 1 or first.shape != second.shape:
        raise ShapeError(f"{name}: needs two vectors of one length, got shapes {first.shape} and {second.shape}")
    return matmul(first, second)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """The sums of products over the last dimensions of both; a number multiplies.

    Shape: (..., K) and (***, K), result (..., ***).
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for last sizes that differ, ``DTypeError`` for types that differ.

    >>> tc.inner(tc.tensor([[1, 2], [3, 4]]), tc.tensor([1, 1]))
    tensor([3, 7])
    """
    check_factors("inner", input, other)
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ShapeError(f"inner: the last sizes must be equal, got shapes {input.shape} and {other.shape}")
    columns = reshape(other, (math.prod(other.shape[:-1]), other.shape[-1]))
    product = matmul(input, transpose(columns, 0, 1))
    return reshape(product, (*input.shape[:-1], *other.shape[:-1]))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of each element of one vector with each of another.

    Shape: (M,) and (N,), result (M, N).
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for what is no vector.

    >>> tc.outer(tc.tensor([1, 2]), tc.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    return _outer("outer", input, vec2)


def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """``outer`` under its name in BLAS.

    Shape: (M,) and (N,), result (M, N).
    Dtype: any; the result has the promoted one.
    Raises: ``ShapeError`` for what is no vector.

    >>> tc.ger(tc.tensor([1, 2]), tc.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    return _outer("ger", input, vec2)


def _outer(name: str, first: Tensor, second: Tensor) -> Any:
    if first.ndim != 1 or second.ndim != 1:
        raise ShapeError(f"{name}: needs two vectors, got shapes {first.shape} and {second.shape}")
    return unsqueeze(first, 1) * unsqueeze(second, 0)
