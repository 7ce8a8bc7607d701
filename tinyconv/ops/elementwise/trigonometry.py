"""Angles, in radians: the trigonometric functions and their inverses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import DTypeError
from tinyconv.ops.dispatch import floating, floating_operands, operands, require_tensor
from tinyconv.ops.elementwise.binary import Binary
from tinyconv.ops.elementwise.elementwise import Unary

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


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


class Tan(Unary):
    """y = tan x,  dx = dy (1 + y^2)."""

    function, of_output = "tan", True

    def derivative(self, value: Tensor) -> Tensor:
        return 1 + value * value


class Arcsine(Unary):
    """y = arcsin x,  dx = dy / (1 - x^2)^(1/2)."""

    function = "arcsin"

    def derivative(self, value: Tensor) -> Tensor:
        return (1 - value * value).rsqrt()


class Arccosine(Unary):
    """y = arccos x,  dx = -dy / (1 - x^2)^(1/2)."""

    function = "arccos"

    def derivative(self, value: Tensor) -> Tensor:
        return -((1 - value * value).rsqrt())


class Arctangent(Unary):
    """y = arctan x,  dx = dy / (1 + x^2)."""

    function = "arctan"

    def backward(self, dy: Tensor) -> Tensor:
        x = self.retained()
        quotient: Tensor = dy / (1 + x * x)
        return quotient


class Arctangent2(Binary):
    """z = the angle of the point (y, x), x above y,  dx = dz y / (x^2 + y^2),  dy = -dz x / (x^2 + y^2)."""

    function = "arctan2"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y = self.retained()
        squared = x * x + y * y
        # At the origin the angle is undefined, and its gradient 0.
        rate = dz * squared.reciprocal().masked_fill(squared == 0, 0.0)
        needs = self.needs_input_gradient
        return self.to_operands(rate * y if needs[0] else None, -rate * x if needs[1] else None)


class Hypotenuse(Binary):
    """z = (x^2 + y^2)^(1/2),  dx = dz x / z,  dy = dz y / z."""

    function = "hypot"

    def forward(self, x: Any, y: Any) -> Any:
        self.retain_inputs(0, 1)
        self.retain_output()
        return super().forward(x, y)

    def backward(self, dz: Tensor) -> Any:
        x, y, z = self.retained()
        needs = self.needs_input_gradient
        return self.to_operands(dz * (x / z) if needs[0] else None, dz * (y / z) if needs[1] else None)


class Sinc(Unary):
    """y = sin(pi x) / (pi x), 1 at 0,  dx = dy (cos(pi x) - y) / x, 0 at 0."""

    function = "sinc"

    def compute(self, x: Any, result: Any) -> None:
        angle = x * x.dtype.type(math.pi)
        self.xp.sin(angle, out=result)
        self.xp.divide(result, angle, out=result)
        self.xp.copyto(result, 1, where=x == 0)

    def derivative(self, value: Tensor) -> Tensor:
        origin = value == 0
        angle = math.pi * value
        # With 1 in place of 0, so that second derivatives are finite too.
        slope = (angle * cos(angle) - sin(angle)) / (angle * value).masked_fill(origin, 1.0)
        return slope.masked_fill(origin, 0.0)


def sin(input: Tensor) -> Tensor:
    """The sine of an angle in radians.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sin(tc.tensor([0.0, 0.5]))
    tensor([0.    , 0.4794])
    """
    return Sin().apply(floating("sin", input))


def cos(input: Tensor) -> Tensor:
    """The cosine of an angle in radians.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.cos(tc.tensor([0.0, 0.5]))
    tensor([1.    , 0.8776])
    """
    return Cos().apply(floating("cos", input))


def tan(input: Tensor) -> Tensor:
    """The tangent of an angle in radians.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.tan(tc.tensor([0.0, 0.5]))
    tensor([0.    , 0.5463])
    """
    return Tan().apply(floating("tan", input))


def asin(input: Tensor) -> Tensor:
    """The angle from -pi/2 to pi/2 whose sine is x; NaN outside [-1, 1].

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.asin(tc.tensor([0.0, 1.0]))
    tensor([0.    , 1.5708])
    """
    return Arcsine().apply(floating("asin", input))


arcsin = asin


def acos(input: Tensor) -> Tensor:
    """The angle from 0 to pi whose cosine is x; NaN outside [-1, 1].

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.acos(tc.tensor([0.0, 1.0]))
    tensor([1.5708, 0.    ])
    """
    return Arccosine().apply(floating("acos", input))


arccos = acos


def atan(input: Tensor) -> Tensor:
    """The angle from -pi/2 to pi/2 whose tangent is x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.atan(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.7854])
    """
    return Arctangent().apply(floating("atan", input))


arctan = atan


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle from -pi to pi of the point (other, input), seen from the origin: arctan(x / y) in all quadrants.

    Shape: broadcast together.
    Dtype: the promoted type, float32 for integers and bool.
    Raises: ``DTypeError`` for what is no tensor; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.atan2(tc.tensor([1.0, -1.0]), tc.tensor([-1.0, -1.0]))
    tensor([ 2.3562, -2.3562])
    """
    require_tensor("atan2", input=input, other=other)
    return Arctangent2().apply(*floating_operands("atan2", input, other))


arctan2 = atan2


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """(x^2 + y^2)^(1/2), without overflow on the way.

    Shape: broadcast together.
    Dtype: the promoted type, which must be float32 or float64.
    Raises: ``DTypeError`` for integers; ``ShapeError`` for shapes that cannot be broadcast.

    >>> tc.hypot(tc.tensor([3.0]), tc.tensor([4.0]))
    tensor([5.])
    """
    require_tensor("hypot", input=input, other=other)
    x, y = operands("hypot", input, other)
    if not x.dtype.is_floating_point:
        raise DTypeError(f"hypot: needs a float32 or float64 tensor, got {x.dtype.name}; convert with .float()")
    return Hypotenuse().apply(x, y)


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0: the transform of a box.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.sinc(tc.tensor([0.0, 0.5]))
    tensor([1.    , 0.6366])
    """
    return Sinc().apply(floating("sinc", input))


def deg2rad(input: Tensor) -> Tensor:
    """An angle in degrees, in radians.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.deg2rad(tc.tensor([180.0]))
    tensor([3.1416])
    """
    return floating("deg2rad", input) * (math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """An angle in radians, in degrees.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result of another type is float32.
    Raises: ``DTypeError`` for what is no tensor.

    >>> tc.rad2deg(tc.tensor([1.0]))
    tensor([57.2958])
    """
    return floating("rad2deg", input) * (180 / math.pi)
