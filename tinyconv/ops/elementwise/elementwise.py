"""Functions of each element by itself: what the families share, and the ones that need no family.

The derivative of each stands in one line beside its formula. Cotangents are written d: for y = f(x), dy is given and
dx = dy f'(x).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import dtypes, layout
from tinyconv.ops.dispatch import Number, constant, floating, one_number, refuse_bool, require_tensor
from tinyconv.ops.shape.shape import clone

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Unary(Operation):
    """y = f(x) with f a function of the array module; dx = dy * derivative."""

    function: ClassVar[str]
    of_output: ClassVar[bool] = False
    """Whether the derivative is written in terms of y (then only y is kept) rather than x."""

    def retain(self) -> None:
        """Keep what ``derivative`` is written in terms of."""
        if self.of_output:
            self.retain_output()
        else:
            self.retain_inputs(0)

    def forward(self, x: Any) -> Any:
        self.retain()
        result = layout.empty(x.shape, x.dtype, self.xp)
        # An infinity or NaN is a result like any other, as in PyTorch; NumPy's warnings would name a line in here.
        with np.errstate(all="ignore"):
            self.compute(x, result)
        return result

    def compute(self, x: Any, result: Any) -> None:
        """Write f(x) into ``result``."""
        getattr(self.xp, self.function)(x, out=result)

    def derivative(self, value: Tensor) -> Tensor:
        """f'(x), from what was kept."""
        raise NotImplementedError

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.derivative(self.retained())


class Exp(Unary):
    """y = e^x,  dx = dy y."""

    function, of_output = "exp", True

    def derivative(self, value: Tensor) -> Tensor:
        return value


class Log(Unary):
    """y = ln x,  dx = dy / x."""

    function = "log"

    def backward(self, dy: Tensor) -> Tensor:
        quotient: Tensor = dy / self.retained()
        return quotient


class Sign(Unary):
    """y = -1, 0 or 1 (0 for NaN),  dx = 0."""

    function = "sign"

    def compute(self, x: Any, result: Any) -> None:
        self.xp.sign(x, out=result)
        if x.dtype.kind == "f":
            self.xp.copyto(result, 0, where=self.xp.isnan(x))

    def backward(self, dy: Tensor) -> Tensor:
        return fill(dy, 0)


class Abs(Unary):
    """y = |x|,  dx = dy sign x."""

    function = "absolute"

    def derivative(self, value: Tensor) -> Tensor:
        return sign(value)


class Negate(Operation):
    """y = -x,  dx = -dy."""

    def forward(self, x: Any) -> Any:
        return self.xp.negative(x, out=layout.empty(x.shape, x.dtype, self.xp))

    def backward(self, dy: Tensor) -> Tensor:
        return -dy


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
        self.xp.add(z, x.dtype.type(1), out=result)
        self.xp.copyto(z, x.dtype.type(1), where=x >= 0)
        return self.xp.divide(z, result, out=result)

    def backward(self, dy: Tensor) -> Tensor:
        y = self.retained()
        return dy * (y * (1 - y))


class Fill(Operation):
    """y = a constant everywhere,  dx = 0."""

    def __init__(self, value: Number) -> None:
        self.value = value

    def forward(self, x: Any) -> Any:
        value = constant(self.value, dtypes.from_numpy(x.dtype), self.device).array
        return layout.full(x.shape, value, x.dtype, self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return fill(dy, 0)


def neg(input: Tensor) -> Tensor:
    """-x.

    Shape: any; the result has the input's.
    Dtype: any but bool; a uint8 wraps around, so that -1 is 255.
    Raises: ``DTypeError`` for a bool tensor.

    >>> tc.neg(tc.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    require_tensor("neg", input=input)
    refuse_bool("neg", input.dtype, "invert truth values with ~ or logical_not()")
    return Negate().apply(input)


negative = neg


def positive(input: Tensor) -> Tensor:
    """x itself: what ``+x`` stands for.

    Shape: any; the result has the input's.
    Dtype: any but bool.
    Raises: ``DTypeError`` for a bool tensor.

    >>> x = tc.tensor([1.0])
    >>> tc.positive(x) is x
    True
    """
    require_tensor("positive", input=input)
    refuse_bool("positive", input.dtype)
    return input


def abs(input: Tensor) -> Tensor:
    """|x|; the gradient at 0 is 0.

    Shape: any; the result has the input's.
    Dtype: any but bool; the result has the input's.
    Raises: ``DTypeError`` for a bool tensor.

    >>> tc.abs(tc.tensor([-3, 2]))
    tensor([3, 2])
    """
    require_tensor("abs", input=input)
    refuse_bool("abs", input.dtype)
    return Abs().apply(input)


absolute = abs


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1: the sign of x, and 0 for NaN. The gradient is 0.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sign(tc.tensor([-3.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    require_tensor("sign", input=input)
    return Sign().apply(input) if input.dtype is not dtypes.bool_ else clone(input)


sgn = sign


def exp(input: Tensor) -> Tensor:
    """e^x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.exp(tc.tensor([0.0, 1.0]))
    tensor([1.    , 2.7183])
    """
    return Exp().apply(floating("exp", input))


def log(input: Tensor) -> Tensor:
    """The natural logarithm: -inf at 0, NaN below.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.log(tc.tensor([1.0, 0.0]))
    tensor([  0., -inf])
    """
    return Log().apply(floating("log", input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x): a probability from its log-odds.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sigmoid(tc.tensor([0.0, 2.0]))
    tensor([0.5   , 0.8808])
    """
    return Sigmoid().apply(floating("sigmoid", input))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like ``input`` that holds one number everywhere. The gradient is 0.

    ``value``: a number, or a tensor without dimensions.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``DTypeError`` for a number that the type does not hold; ``ArgumentError`` for what is no number.

    >>> tc.fill(tc.zeros(3), 2)
    tensor([2., 2., 2.])
    """
    require_tensor("fill", input=input)
    return Fill(one_number("fill", value, input)).apply(input)
