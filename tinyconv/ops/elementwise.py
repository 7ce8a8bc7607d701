"""Functions of each element by itself.

The derivative of each stands in one line beside its formula. Cotangents are written d: for y = f(x), dy is given and
dx = dy f'(x).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.ops.dispatch import Number, cast, check_negatable, clamped_dtype, constant, floating, wrap
from tinyconv.ops.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Unary(Operation):
    """y = f(x) with f a function of the array module; dx = dy * derivative."""

    function: ClassVar[str]
    of_output: ClassVar[bool] = False
    """Whether the derivative is written in terms of y (then only y is kept) rather than x."""

    def forward(self, x: Any) -> Any:
        if self.of_output:
            self.retain_output()
        else:
            self.retain_inputs(0)
        result = layout.empty(x.shape, x.dtype, self.xp)
        # An infinity or NaN is a result like any other, as in PyTorch; NumPy's warnings would name a line in here.
        with np.errstate(all="ignore"):
            return getattr(self.xp, self.function)(x, out=result)

    def derivative(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.derivative(self.retained())


class Exp(Unary):
    """y = e^x,  dx = dy y."""

    function, of_output = "exp", True

    def derivative(self, value: Tensor) -> Tensor:
        return value


class Expm1(Unary):
    """y = e^x - 1, exact near 0,  dx = dy (y + 1)."""

    function, of_output = "expm1", True

    def derivative(self, value: Tensor) -> Tensor:
        return value + 1


class Log(Unary):
    """y = ln x,  dx = dy / x."""

    function = "log"

    def derivative(self, value: Tensor) -> Tensor:
        return 1 / value


class Log1p(Unary):
    """y = ln(1 + x), exact near 0,  dx = dy / (1 + x)."""

    function = "log1p"

    def derivative(self, value: Tensor) -> Tensor:
        return 1 / (1 + value)


class Sqrt(Unary):
    """y = x^(1/2),  dx = dy / (2 y)."""

    function, of_output = "sqrt", True

    def derivative(self, value: Tensor) -> Tensor:
        return 0.5 / value


class Square(Unary):
    """y = x^2,  dx = 2 dy x."""

    function = "square"

    def derivative(self, value: Tensor) -> Tensor:
        return 2 * value


class Reciprocal(Unary):
    """y = 1/x,  dx = -dy y^2."""

    function, of_output = "reciprocal", True

    def derivative(self, value: Tensor) -> Tensor:
        return -(value * value)


class Sin(Unary):
    """y = sin x,  dx = dy cos x."""

    function = "sin"

    def derivative(self, value: Tensor) -> Tensor:
        return cos(value)


class Cos(Unary):
    """y = cos x,  dx = -dy sin x."""

    function = "cos"

    def derivative(self, value: Tensor) -> Tensor:
        return -sin(value)


class Tanh(Unary):
    """y = tanh x,  dx = dy (1 - y^2)."""

    kind = "tanh"
    function, of_output = "tanh", True

    def derivative(self, value: Tensor) -> Tensor:
        return 1 - value * value


class Abs(Unary):
    """y = |x|,  dx = dy sign x."""

    function = "absolute"

    def derivative(self, value: Tensor) -> Tensor:
        return sign(value)


class Sigmoid(Operation):
    """y = 1 / (1 + e^-x),  dx = dy y (1 - y)."""

    kind = "sigmoid"

    def forward(self, x: Any) -> Any:
        self.retain_output()
        # With z = e^-|x|, which never overflows: 1 / (1 + z) on the right, and z / (1 + z) on the left, where
        # 1 - 1 / (1 + z) would cancel.
        z = layout.empty(x.shape, x.dtype, self.xp)
        self.xp.absolute(x, out=z)
        self.xp.exp(self.xp.negative(z, out=z), out=z)
        result = layout.empty(x.shape, x.dtype, self.xp)
        self.xp.divide(self.xp.where(x < 0, z, x.dtype.type(1)), z + 1, out=result)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        y = self.retained()
        return dy * (y * (1 - y))


class Negate(Operation):
    """y = -x,  dx = -dy."""

    def forward(self, x: Any) -> Any:
        return self.xp.negative(x, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Tensor) -> Tensor:
        return -dy


class Step(Operation):
    """A function that is constant between its jumps (sign, floor, ceil, round),  dx = 0."""

    def __init__(self, function: str) -> None:
        self.function = function

    @property
    def name(self) -> str:
        return self.function

    def forward(self, x: Any) -> Any:
        return getattr(self.xp, self.function)(x, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Tensor) -> Tensor:
        return fill(dy, 0)


class Fill(Operation):
    """y = a constant everywhere,  dx = 0."""

    def __init__(self, value: Number) -> None:
        self.value = value

    def forward(self, x: Any) -> Any:
        value = constant(self.value, dtypes.from_numpy(x.dtype), self.device).array
        return layout.full(x.shape, value, x.dtype, self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return fill(dy, 0)


class Clamp(Operation):
    """y = min(max(x, low), high),  dx = dy where low <= x <= high, else 0."""

    def __init__(self, low: Number | None, high: Number | None) -> None:
        self.low, self.high = low, high

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        result = layout.empty(x.shape, x.dtype, self.xp)
        result[...] = x
        if self.low is not None:
            self.xp.maximum(result, _nearest(self.low, x.dtype), out=result)
        if self.high is not None:
            self.xp.minimum(result, _nearest(self.high, x.dtype), out=result)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained()
        inside = self.xp.ones(x.shape, bool)
        if self.low is not None:
            inside &= x.array >= self.low
        if self.high is not None:
            inside &= x.array <= self.high
        return dy * cast(wrap(layout.ordered(inside, self.xp), self.device), dy.dtype)


def _nearest(bound: Number, dtype: np.dtype[Any]) -> Any:
    """``bound`` as far as ``dtype`` reaches: of integers, none lies beyond the last one."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        bound = min(max(bound, int(limits.min)), int(limits.max))
    with np.errstate(over="ignore"):
        return dtype.type(bound)


def neg(input: Tensor) -> Tensor:
    """-x."""
    check_negatable("neg", input)
    return Negate().apply(input)


def abs(input: Tensor) -> Tensor:
    """|x|; the gradient at 0 is 0."""
    return Abs().apply(input)


def exp(input: Tensor) -> Tensor:
    """e^x."""
    return Exp().apply(floating(input))


def expm1(input: Tensor) -> Tensor:
    """e^x - 1, without cancellation near 0."""
    return Expm1().apply(floating(input))


def log(input: Tensor) -> Tensor:
    """The natural logarithm: -inf at 0, NaN below."""
    return Log().apply(floating(input))


def log1p(input: Tensor) -> Tensor:
    """ln(1 + x), without cancellation near 0."""
    return Log1p().apply(floating(input))


def sqrt(input: Tensor) -> Tensor:
    """The square root; NaN below 0."""
    return Sqrt().apply(floating(input))


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return reciprocal(sqrt(input))


def square(input: Tensor) -> Tensor:
    """x^2."""
    return Square().apply(input if input.dtype is not dtypes.bool_ else cast(input, dtypes.int64))


def reciprocal(input: Tensor) -> Tensor:
    """1 / x."""
    return Reciprocal().apply(floating(input))


def sin(input: Tensor) -> Tensor:
    """Sine of an angle in radians."""
    return Sin().apply(floating(input))


def cos(input: Tensor) -> Tensor:
    """Cosine of an angle in radians."""
    return Cos().apply(floating(input))


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh().apply(floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    return Sigmoid().apply(floating(input))


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return Step("sign").apply(input) if input.dtype is not dtypes.bool_ else clone(input)


def floor(input: Tensor) -> Tensor:
    """The largest integer not above x."""
    return Step("floor").apply(input)


def ceil(input: Tensor) -> Tensor:
    """The smallest integer not below x."""
    return Step("ceil").apply(input)


def round(input: Tensor) -> Tensor:
    """The nearest integer; halves go to the even one."""
    return Step("rint").apply(input) if input.dtype.is_floating_point else clone(input)


def fill(input: Tensor, value: Number) -> Tensor:
    """A tensor like ``input`` that holds ``value`` everywhere."""
    return Fill(value).apply(input)


def clamp(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    """x, but at least ``min`` and at most ``max``."""
    return Clamp(min, max).apply(cast(input, clamped_dtype("clamp", input, min, max)))
