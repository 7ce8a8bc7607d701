"""Arithmetic, comparison and logic, element by element, with broadcasting; and the change of type."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from tinyconv.core import dtypes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.ops.elementwise.arithmetic import div
from tinyconv.ops.elementwise.bounds import maximum, minimum
from tinyconv.ops.elementwise.selection import where as choose
from tinyconv.ops.tensor import Tensor

# ONNX's numbers of element types (TensorProto.DataType) that tinyconv has.
TYPES: dict[int, DType] = {
    1: dtypes.float32,
    2: dtypes.uint8,
    6: dtypes.int32,
    7: dtypes.int64,
    9: dtypes.bool_,
    11: dtypes.float64,
}


def element_type(operator: str, number: int) -> DType:
    """The type of ONNX's ``number``. Raises ``UnsupportedError``."""
    if number not in TYPES:
        names = ", ".join(dtype.name for dtype in TYPES.values())
        raise UnsupportedError(f"operator {operator} to ONNX's element type {number} is not offered; there are {names}")
    return TYPES[number]


@operator("Add")
def add(a: Tensor, b: Tensor) -> Tensor:
    return a + b


@operator("Sub")
def sub(a: Tensor, b: Tensor) -> Tensor:
    return a - b


@operator("Mul")
def mul(a: Tensor, b: Tensor) -> Tensor:
    return a * b


@operator("Div")
def divide(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.dtype.is_floating_point else div(a, b, rounding_mode="trunc").to(a.dtype)


@operator("Pow")
def power(a: Tensor, b: Tensor) -> Tensor:
    exponent: Any = b.item() if b.numel() == 1 and not b.requires_grad else b  # squares are products
    result = (a if a.dtype.is_floating_point else a.double()) ** exponent
    return (result if result.shape == a.shape or b.numel() > 1 else result.reshape(tuple(a.shape))).to(a.dtype)


@operator("Mod")
def modulo(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    return a.fmod(b) if fmod else a.remainder(b)


@operator("Sum")
def total(*values: Tensor) -> Tensor:
    return reduce(lambda a, b: a + b, values)


@operator("Mean")
def mean(*values: Tensor) -> Tensor:
    return total(*values) / len(values)


@operator("Max")
def largest(*values: Tensor) -> Tensor:
    return reduce(maximum, values)


@operator("Min")
def smallest(*values: Tensor) -> Tensor:
    return reduce(minimum, values)


@operator("Equal")
def equal(a: Tensor, b: Tensor) -> Tensor:
    return a == b


@operator("Less")
def less(a: Tensor, b: Tensor) -> Tensor:
    return a < b


@operator("LessOrEqual")
def less_or_equal(a: Tensor, b: Tensor) -> Tensor:
    return a <= b


@operator("Greater")
def greater(a: Tensor, b: Tensor) -> Tensor:
    return a > b


@operator("GreaterOrEqual")
def greater_or_equal(a: Tensor, b: Tensor) -> Tensor:
    return a >= b


@operator("And")
def both(a: Tensor, b: Tensor) -> Tensor:
    return a.logical_and(b)


@operator("Or")
def either(a: Tensor, b: Tensor) -> Tensor:
    return a.logical_or(b)


@operator("Xor")
def only_one(a: Tensor, b: Tensor) -> Tensor:
    return a.logical_xor(b)


@operator("Not")
def negation(a: Tensor) -> Tensor:
    return a.logical_not()


@operator("Where")
def where(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return choose(condition, a, b)


@operator("IsInf")
def is_infinite(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    found = x.isinf()
    if not detect_negative:
        found = found.logical_and(x > 0)
    return found if detect_positive else found.logical_and(x < 0)


@operator("Cast")
def cast(x: Tensor, *, to: int, saturate: int = 1) -> Tensor:  # noqa: ARG001  (it is about 8-bit floats)
    return x.to(element_type("Cast", to))


@operator("CastLike")
def cast_like(x: Tensor, like: Tensor, *, saturate: int = 1) -> Tensor:  # noqa: ARG001  (as for Cast)
    return x.to(like.dtype)


# ONNX's name -> the tensor's method, for functions of one element without attributes.
METHODS = {
    "Abs": "abs", "Neg": "neg", "Sign": "sign", "Reciprocal": "reciprocal", "Sqrt": "sqrt", "Exp": "exp", "Log": "log",
    "Floor": "floor", "Ceil": "ceil", "Round": "round", "Erf": "erf", "IsNaN": "isnan",
    "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan",
    "Sinh": "sinh", "Cosh": "cosh", "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh",
}  # fmt: skip


def _method(name: str) -> Callable[[Tensor], Tensor]:
    def apply(x: Tensor) -> Tensor:
        result: Tensor = getattr(x, name)()
        return result

    return apply


for _name, _called in METHODS.items():
    operator(_name)(_method(_called))
