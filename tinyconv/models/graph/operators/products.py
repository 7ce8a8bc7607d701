"""Matrix products."""

from __future__ import annotations

from tinyconv.models.graph.operators.table import operator
from tinyconv.ops.product.einsum import einsum
from tinyconv.ops.product.linear import linear
from tinyconv.ops.tensor import Tensor


@operator("Gemm")
def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803
    transB: int = 0,  # noqa: N803
) -> Tensor:
    """alpha A B + beta C, of A and B as they are or transposed."""
    rows, columns = a.t() if transA else a, b if transB else b.t()
    if alpha == beta == 1 and (c is None or c.shape == (columns.shape[0],)):
        return linear(rows, columns, c)
    product = linear(rows, columns)
    product = product if alpha == 1 else product * alpha
    return product if c is None else product + (c if beta == 1 else c * beta)


@operator("MatMul")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


@operator("Einsum")
def sum_of_products(*values: Tensor, equation: str) -> Tensor:
    return einsum(equation.replace(" ", ""), *values)
