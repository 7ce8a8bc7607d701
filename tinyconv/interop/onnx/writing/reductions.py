"""Sums, products, extremes and norms over dimensions."""

from __future__ import annotations

import math

from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import refused, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.reduction.extremes import Extreme, Position
from tinyconv.ops.reduction.reduction import Product, Sum
from tinyconv.ops.reduction.spread import LogSumExp, Norm


def _reduced(draft: Draft, step: Step, operator: str, x: str) -> str:
    operation = step.operation
    if not operation.dims:
        return x  # of no dimensions at all
    return draft.node(operator, x, draft.ints(*operation.dims), keepdims=int(operation.keepdim))


@writes(Sum)
def sum_of(draft: Draft, step: Step, x: str) -> str:
    return _reduced(draft, step, "ReduceSum", x)


@writes(Product)
def product(draft: Draft, step: Step, x: str) -> str:
    return _reduced(draft, step, "ReduceProd", x)


@writes(Extreme)
def extreme(draft: Draft, step: Step, x: str) -> str:
    return _reduced(draft, step, "ReduceMax" if "max" in step.operation.function else "ReduceMin", x)


@writes(LogSumExp)
def log_sum_exp(draft: Draft, step: Step, x: str) -> str:
    return _reduced(draft, step, "ReduceLogSumExp", x)


@writes(Norm)
def norm(draft: Draft, step: Step, x: str) -> str:
    p = step.operation.p
    if math.isinf(p):
        return _reduced(draft, step, "ReduceMax" if p > 0 else "ReduceMin", draft.node("Abs", x))
    if p not in (1, 2):
        raise refused(step, f"has p = {p:g}, and ONNX has norms of 1 and 2")
    return _reduced(draft, step, f"ReduceL{p:g}", x)


@writes(Position)
def position(draft: Draft, step: Step, x: str) -> str:
    operation, source = step.operation, step.source
    operator = "ArgMax" if "max" in operation.function else "ArgMin"
    if operation.dim is None:
        flat = draft.reshape(x, source.shape, (math.prod(source.shape),))
        return draft.node(operator, flat, axis=0, keepdims=0)
    return draft.node(operator, x, axis=operation.dim, keepdims=int(operation.keepdim))
