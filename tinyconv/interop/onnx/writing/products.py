"""The fully connected layer and matrix products."""

from __future__ import annotations

from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import as_operator, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.product.linear import Linear
from tinyconv.ops.product.matmul import MatrixProduct

as_operator("MatMul", MatrixProduct)


@writes(Linear)
def linear(draft: Draft, step: Step, x: str, weight: str, bias: str = "") -> str:
    """Gemm of a matrix; of more dimensions a product with the transposed weight."""
    if len(step.output.shape) == 2:
        y = draft.node("Gemm", x, weight, bias, transB=1)
    else:
        y = draft.node("MatMul", x, draft.node("Transpose", weight, perm=[1, 0]))
        y = draft.node("Add", y, bias) if bias else y
    return draft.node("Relu", y) if step.operation.relu else y
