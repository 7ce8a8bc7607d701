"""Matrix products with a term added, and contractions over several dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.core import dtypes
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.dispatch import Number, check_factors, constant, normalize_dim, require_tensor, size_tuple
from tinyconv.ops.product.matmul import bmm, matmul, mm, mv, outer
from tinyconv.ops.shape.permutation import permute
from tinyconv.ops.shape.shape import expand, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha mat1 mat2. With ``beta`` 0 the input's NaN and infinities do not count.

    Shape: (M, K) and (K, N), result (M, N), to which ``input`` broadcasts.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.addmm(tc.ones(2), tc.tensor([[1.0, 2.0]]), tc.eye(2), alpha=10)
    tensor([[11., 21.]])
    """
    check_factors("addmm", input, mat1, mat2)
    return _sum("addmm", input, mm(mat1, mat2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha mat vec.

    Shape: (M, K) and (K,), result (M,), to which ``input`` broadcasts.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.addmv(tc.ones(2), tc.eye(2), tc.tensor([3.0, 4.0]))
    tensor([4., 5.])
    """
    check_factors("addmv", input, mat, vec)
    return _sum("addmv", input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha times the outer product of two vectors.

    Shape: (M,) and (N,), result (M, N), to which ``input`` broadcasts.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.addr(tc.zeros(2, 2), tc.tensor([1.0, 2.0]), tc.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    check_factors("addr", input, vec1, vec2)
    return _sum("addr", input, outer(vec1, vec2), beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha batch1 batch2, for each matrix of the batches.

    Shape: (B, M, K) and (B, K, N), result (B, M, N), to which ``input`` broadcasts.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.baddbmm(tc.zeros(1), tc.ones(1, 1, 2), tc.ones(1, 2, 1))
    tensor([[[2.]]])
    """
    check_factors("baddbmm", input, batch1, batch2)
    return _sum("baddbmm", input, bmm(batch1, batch2), beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1) -> Tensor:
    """beta input + alpha times the sum of the batch's products.

    Shape: (B, M, K) and (B, K, N), result (M, N), to which ``input`` broadcasts.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ShapeError`` for other shapes, ``DTypeError`` for types that differ.

    >>> tc.addbmm(tc.zeros(1), tc.ones(3, 1, 2), tc.ones(3, 2, 1))
    tensor([[6.]])
    """
    check_factors("addbmm", input, batch1, batch2)
    if batch1.ndim != 3 or batch2.ndim != 3 or (batch1.shape[0], batch1.shape[2]) != batch2.shape[:2]:
        raise ShapeError(f"addbmm: needs (B, M, K) and (B, K, N), got shapes {batch1.shape} and {batch2.shape}")
    batch, rows, depth = batch1.shape
    # Side by side, the matrices of the batch make one product, whose sum over K also runs over the batch.
    left = reshape(permute(batch1, (1, 0, 2)), (rows, batch * depth))
    return _sum("addbmm", input, mm(left, reshape(batch2, (batch * depth, batch2.shape[2]))), beta, alpha)


def _sum(name: str, input: Any, product: Any, beta: Number, alpha: Number) -> Any:
    if not input.dtype.is_floating_point and (isinstance(beta, float) or isinstance(alpha, float)):
        raise DTypeError(f"{name}: beta {beta} and alpha {alpha} must be whole numbers for {input.dtype.name} tensors")
    term = expand(input, product.shape)  # first, so that a shape that does not fit is refused
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        # Its NaN and infinities do not count, and its gradient is 0.
        return term.masked_fill(constant(True, dtypes.bool_, input.device), 0) + scaled
    return (term if beta == 1 else term * beta) + scaled


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over pairs of dimensions: the last ``dims`` of a with the first of b, or those listed.

    Shape: any; the result has the dimensions of a that are left, then those of b. ``dims``: a number, or two lists.
    Dtype: any but bool, the same for both; the result has it.
    Raises: ``ShapeError`` for paired sizes that differ, ``ArgumentError`` for lists that do.

    >>> tc.tensordot(tc.ones(2, 3, 4), tc.ones(3, 4, 5)).shape
    (2, 5)
    """
    check_factors("tensordot", a, b)
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ArgumentError(f"tensordot: dims {dims} is more than shapes {a.shape} and {b.shape} have, or negative")
        summed_a, summed_b = tuple(range(a.ndim - dims, a.ndim)), tuple(range(dims))
    else:
        pairs = dims.tolist() if hasattr(dims, "tolist") else dims
        if not isinstance(pairs, Sequence) or len(pairs) != 2:
            raise ArgumentError(f"tensordot: dims is a number or two lists of dimensions, got {dims!r}")
        summed_a, summed_b = (
            tuple(normalize_dim("tensordot", dim, tensor.ndim) for dim in size_tuple("tensordot", (listed,)))
            for listed, tensor in zip(pairs, (a, b), strict=True)
        )
    if len(summed_a) != len(summed_b) or len(set(summed_a)) != len(summed_a) or len(set(summed_b)) != len(summed_b):
        raise ArgumentError(f"tensordot: dims {dims} must list equally many dimensions of each tensor, each once")
    free_a = [dim for dim in range(a.ndim) if dim not in summed_a]
    free_b = [dim for dim in range(b.ndim) if dim not in summed_b]
    for first, second in zip(summed_a, summed_b, strict=True):
        if a.shape[first] == 1 != b.shape[second]:
            b = b.sum(second, keepdim=True)
        elif b.shape[second] == 1 != a.shape[first]:
            a = a.sum(first, keepdim=True)
        elif a.shape[first] != b.shape[second]:
            raise ShapeError(
                f"tensordot: dimension {first} of {a.shape} and dimension {second} of {b.shape} must have one size"
            )
    depth = math.prod(a.shape[dim] for dim in summed_a)
    left = [a.shape[dim] for dim in free_a]
    right = [b.shape[dim] for dim in free_b]
    rows = reshape(permute(a, (*free_a, *summed_a)), (math.prod(left), depth))
    columns = reshape(permute(b, (*summed_b, *free_b)), (depth, math.prod(right)))
    return reshape(matmul(rows, columns), (*left, *right))


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: each element of ``input`` times all of ``other``, as blocks.

    Shape: any; sizes multiply, with dimensions of size 1 put in front of the shorter shape.
    Dtype: any; the result has the promoted one.
    Raises: nothing of its own.

    >>> tc.kron(tc.tensor([1, 10]), tc.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    require_tensor("kron", input=input, other=other)
    ndim = max(input.ndim, other.ndim)
    first = (1,) * (ndim - input.ndim) + input.shape
    second = (1,) * (ndim - other.ndim) + other.shape
    blocks = reshape(input, tuple(size for own in first for size in (own, 1)))
    inside = reshape(other, tuple(size for own in second for size in (1, own)))
    product: Any = blocks * inside
    return reshape(product, tuple(a * b for a, b in zip(first, second, strict=True)))
