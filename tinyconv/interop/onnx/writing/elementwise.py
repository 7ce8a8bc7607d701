"""Arithmetic, functions of single elements, comparisons, types."""

from __future__ import annotations

import numpy as np

from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import as_operator, refused, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.dispatch import Cast
from tinyconv.ops.elementwise.arithmetic import Add, Divide, Multiply, Subtract
from tinyconv.ops.elementwise.bitwise import Bits, Invert
from tinyconv.ops.elementwise.bounds import Clamp, ClampBetween, LargerOrSmaller
from tinyconv.ops.elementwise.comparison import Predicate
from tinyconv.ops.elementwise.elementwise import Abs, Exp, Log, Negate, Sign
from tinyconv.ops.elementwise.hyperbolic import Cosh, InverseCosh, InverseSinh, InverseTanh, Sinh, Tanh
from tinyconv.ops.elementwise.logical import OfFloating
from tinyconv.ops.elementwise.powers import Power, Reciprocal, ReciprocalSqrt, Sqrt, Square
from tinyconv.ops.elementwise.rounding import Step as Rounding
from tinyconv.ops.elementwise.selection import Where
from tinyconv.ops.elementwise.special import ErrorFunction
from tinyconv.ops.elementwise.trigonometry import Arccosine, Arcsine, Arctangent, Cos, Sin, Tan
from tinyconv.ops.reduction.spread import RootOfSquares

as_operator("Add", Add)
as_operator("Sub", Subtract)
as_operator("Mul", Multiply)
as_operator("Div", Divide)
as_operator("Pow", Power)
as_operator("Neg", Negate)
as_operator("Abs", Abs)
as_operator("Sign", Sign)
as_operator("Exp", Exp)
as_operator("Log", Log)
as_operator("Sqrt", Sqrt, RootOfSquares)
as_operator("Reciprocal", Reciprocal)
as_operator("Erf", ErrorFunction)
as_operator("Where", Where)
as_operator("Sin", Sin)
as_operator("Cos", Cos)
as_operator("Tan", Tan)
as_operator("Asin", Arcsine)
as_operator("Acos", Arccosine)
as_operator("Atan", Arctangent)
as_operator("Sinh", Sinh)
as_operator("Cosh", Cosh)
as_operator("Tanh", Tanh)
as_operator("Asinh", InverseSinh)
as_operator("Acosh", InverseCosh)
as_operator("Atanh", InverseTanh)

PREDICATES = {
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_xor": "Xor",
    "logical_not": "Not",
    "isnan": "IsNaN",
    "isinf": "IsInf",
}
"""The array module's functions as ONNX operators."""

TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "bool": 9, "float64": 11}
"""The numbers of the types of elements in ONNX files (``TensorProto.DataType``)."""


@writes(Square)
def square(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Mul", x, x)


@writes(ReciprocalSqrt)
def reciprocal_sqrt(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Reciprocal", draft.node("Sqrt", x))


@writes(Rounding)
def rounding(draft: Draft, step: Step, x: str) -> str:
    function = step.operation.function
    if function == "trunc":  # towards 0
        return draft.node("Mul", draft.node("Sign", x), draft.node("Floor", draft.node("Abs", x)))
    return draft.node({"floor": "Floor", "ceil": "Ceil", "rint": "Round"}[function], x)


@writes(Predicate, OfFloating)
def predicate(draft: Draft, step: Step, *operands: str) -> str:
    function = step.operation.function
    types = [np.dtype(value.dtype) for value in step.inputs if value is not None]
    if function == "not_equal":
        return draft.node("Not", draft.node("Equal", *operands))
    if function not in PREDICATES or (function.startswith("is") and types[0].kind != "f"):
        raise refused(step, f"asks {function}() of numbers of type {types[0].name}, which ONNX cannot")
    if function.startswith("logical"):  # of numbers: whether they are 0
        pairs = zip(operands, types, strict=True)
        operands = tuple(x if kind == np.bool_ else draft.node("Cast", x, to=TYPES["bool"]) for x, kind in pairs)
    return draft.node(PREDICATES[function], *operands)


@writes(Bits)
def bits(draft: Draft, step: Step, x: str, y: str) -> str:
    """Of truth values, for which ``&``, ``|`` and ``^`` are written."""
    _refuse_numbers(step)
    return draft.node({"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}[step.operation.function], x, y)


@writes(Invert)
def invert(draft: Draft, step: Step, x: str) -> str:
    _refuse_numbers(step)
    return draft.node("Not", x)


def _refuse_numbers(step: Step) -> None:
    if step.source.dtype != np.bool_:
        raise refused(step, "combines the bits of numbers, where only truth values are written")


@writes(LargerOrSmaller)
def larger_or_smaller(draft: Draft, step: Step, x: str, y: str) -> str:
    return draft.node("Max" if step.operation.function == "maximum" else "Min", x, y)


@writes(Clamp)
def clamp(draft: Draft, step: Step, x: str) -> str:
    low, high = (
        "" if bound is None else draft.number(bound, step.source) for bound in (step.operation.low, step.operation.high)
    )
    return draft.node("Clip", x, low, high)


@writes(ClampBetween)
def clamp_between(draft: Draft, step: Step, x: str, low: str, high: str) -> str:
    if low:
        x = draft.node("Max", x, low)
    return draft.node("Min", x, high) if high else x


@writes(Cast)
def cast(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Cast", x, to=TYPES[np.dtype(step.output.dtype).name])
