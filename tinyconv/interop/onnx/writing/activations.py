"""Activations, one ONNX operator each where there is one, else the formula."""

from __future__ import annotations

import math

from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import as_operator, refused, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.activation.gated_activation import Gelu, GeluTanh, Glu, Mish, Silu
from tinyconv.ops.activation.hard_activation import Hardshrink, Hardsigmoid, Hardswish, Softshrink
from tinyconv.ops.activation.rectifier import Hardtanh, Relu, Threshold
from tinyconv.ops.activation.sloped_rectifier import LeakyRelu, Prelu
from tinyconv.ops.activation.soft_activation import (
    SELU_ALPHA,
    SELU_SCALE,
    Elu,
    LogSigmoid,
    Softplus,
    Softsign,
    Tanhshrink,
)
from tinyconv.ops.activation.softmax import LogSoftmax, Softmax
from tinyconv.ops.dropout import AlphaDropout, Dropout, Masked
from tinyconv.ops.elementwise.elementwise import Sigmoid

as_operator("Relu", Relu)
as_operator("PRelu", Prelu)
as_operator("Sigmoid", Sigmoid)
as_operator("Softsign", Softsign)
as_operator("Mish", Mish)
as_operator("HardSwish", Hardswish)


@writes(Softmax)
def softmax(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Softmax", x, axis=step.operation.dim)


@writes(LogSoftmax)
def log_softmax(draft: Draft, step: Step, x: str) -> str:
    return draft.node("LogSoftmax", x, axis=step.operation.dim)


@writes(LeakyRelu)
def leaky_relu(draft: Draft, step: Step, x: str) -> str:
    return draft.node("LeakyRelu", x, alpha=float(step.operation.slope))


@writes(Hardtanh)
def hardtanh(draft: Draft, step: Step, x: str) -> str:
    low, high = (draft.number(bound, step.source) for bound in (step.operation.low, step.operation.high))
    return draft.node("Clip", x, low, high)


@writes(Threshold)
def threshold(draft: Draft, step: Step, x: str) -> str:
    above = draft.node("Greater", x, draft.number(step.operation.threshold, step.source))
    return draft.node("Where", above, x, draft.number(step.operation.value, step.source))


@writes(Elu)
def elu(draft: Draft, step: Step, x: str) -> str:
    """ELU, SELU and CELU are one operation here, by its numbers."""
    alpha, scale, rate = step.operation.alpha, step.operation.scale, step.operation.rate
    if (alpha, scale, rate) == (SELU_ALPHA, SELU_SCALE, 1.0):
        return draft.node("Selu", x, alpha=alpha, gamma=scale)
    if scale != 1:
        raise refused(step, f"has a scale of {scale}, which neither Elu nor Celu has")
    if rate == 1:
        return draft.node("Elu", x, alpha=float(alpha))
    # alpha (e^(x / alpha) - 1) = alpha times an ELU of x / alpha, for which readers need no operator Celu.
    inner = draft.node("Elu", draft.node("Mul", x, draft.number(rate, step.source)), alpha=float(alpha * rate))
    return draft.node("Mul", inner, draft.number(1 / rate, step.source))


@writes(Softplus)
def softplus(draft: Draft, step: Step, x: str) -> str:
    """Beyond the threshold, where ln(1 + e^z) is z to the last digit, it is z here."""
    operation, source = step.operation, step.source
    if operation.threshold < 15:
        raise refused(step, f"is a straight line from beta x = {operation.threshold} on, which Softplus is not")
    if operation.beta == 1:
        return draft.node("Softplus", x)
    inner = draft.node("Softplus", draft.node("Mul", x, draft.number(operation.beta, source)))
    return draft.node("Div", inner, draft.number(operation.beta, source))


@writes(LogSigmoid)
def log_sigmoid(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Neg", draft.node("Softplus", draft.node("Neg", x)))


@writes(Tanhshrink)
def tanhshrink(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Sub", x, draft.node("Tanh", x))


@writes(Hardshrink)
def hardshrink(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Shrink", x, lambd=float(step.operation.bound), bias=0.0)


@writes(Softshrink)
def softshrink(draft: Draft, step: Step, x: str) -> str:
    bound = float(step.operation.bound)
    return draft.node("Shrink", x, lambd=bound, bias=bound)


@writes(Hardsigmoid)
def hardsigmoid(draft: Draft, step: Step, x: str) -> str:
    return draft.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)


@writes(Silu)
def silu(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Mul", x, draft.node("Sigmoid", x))


@writes(Gelu)
def gelu(draft: Draft, step: Step, x: str) -> str:
    """x (1 + erf(x / sqrt 2)) / 2: the operator Gelu is younger than many readers."""
    error = draft.node("Erf", draft.node("Mul", x, draft.number(math.sqrt(0.5), step.source)))
    return _gated(draft, step, x, error)


@writes(GeluTanh)
def gelu_tanh(draft: Draft, step: Step, x: str) -> str:
    """x (1 + tanh(k (x + a x^3))) / 2."""
    source = step.source
    cube = draft.node("Mul", x, draft.node("Mul", x, x))
    inner = draft.node("Add", x, draft.node("Mul", cube, draft.number(step.operation.a, source)))
    return _gated(draft, step, x, draft.node("Tanh", draft.node("Mul", inner, draft.number(step.operation.k, source))))


def _gated(draft: Draft, step: Step, x: str, gate: str) -> str:
    """x (1 + gate) / 2."""
    half = draft.node("Mul", x, draft.number(0.5, step.source))
    return draft.node("Mul", half, draft.node("Add", gate, draft.number(1, step.source)))


@writes(Glu)
def glu(draft: Draft, step: Step, x: str) -> str:
    first, gate = draft.nodes_outputs("Split", x, count=2, axis=step.operation.dim, num_outputs=2)
    return draft.node("Mul", first, draft.node("Sigmoid", gate))


@writes(Dropout, AlphaDropout, Masked)
def dropout(draft: Draft, step: Step, x: str) -> str:
    raise refused(step, "draws random numbers even in evaluation mode (a layer nn.Dropout does not)")
