"""The in-place methods: one line for each function, with a call that its documentation shows."""

from __future__ import annotations

from tinyconv.ops.elementwise import (
    arithmetic,
    bitwise,
    bounds,
    combination,
    comparison,
    division,
    elementwise,
    exponential,
    hyperbolic,
    logical,
    powers,
    rounding,
    selection,
    special,
    trigonometry,
)
from tinyconv.ops.in_place.in_place import in_place

X = "tc.tensor([0.25, 0.5])"
INTEGERS = "tc.tensor([5, 6])"

add_ = in_place(arithmetic.add, f"{X} | 1", arithmetic.Add)
sub_ = subtract_ = in_place(arithmetic.sub, f"{X} | 1", arithmetic.Subtract)
mul_ = multiply_ = in_place(arithmetic.mul, f"{X} | 2", arithmetic.Multiply)
div_ = divide_ = true_divide_ = in_place(arithmetic.div, f"{X} | 2", arithmetic.Divide)
floor_divide_ = in_place(division.floor_divide, f"{INTEGERS} | 2")
remainder_ = in_place(division.remainder, f"{INTEGERS} | 4")
fmod_ = in_place(division.fmod, f"{INTEGERS} | 4")
pow_ = in_place(powers.pow, f"{X} | 3")
float_power_ = in_place(powers.float_power, "tc.tensor([0.25], dtype=tc.float64) | 3", converts=False)
square_ = in_place(powers.square, X)
sqrt_ = in_place(powers.sqrt, X, powers.Sqrt)
rsqrt_ = in_place(powers.rsqrt, X, powers.ReciprocalSqrt)
reciprocal_ = in_place(powers.reciprocal, X, powers.Reciprocal)

neg_ = negative_ = in_place(elementwise.neg, X, elementwise.Negate)
abs_ = absolute_ = in_place(elementwise.abs, X)
sign_ = sgn_ = in_place(elementwise.sign, X)
exp_ = in_place(elementwise.exp, X, elementwise.Exp)
log_ = in_place(elementwise.log, X)
sigmoid_ = in_place(elementwise.sigmoid, X, elementwise.Sigmoid)

exp2_ = in_place(exponential.exp2, X, exponential.Exp2)
expm1_ = in_place(exponential.expm1, X, exponential.Expm1)
log2_ = in_place(exponential.log2, X)
log10_ = in_place(exponential.log10, X)
log1p_ = in_place(exponential.log1p, X)
xlogy_ = in_place(exponential.xlogy, f"{X} | 2")
logit_ = in_place(exponential.logit, X)

sin_ = in_place(trigonometry.sin, X)
cos_ = in_place(trigonometry.cos, X)
tan_ = in_place(trigonometry.tan, X, trigonometry.Tan)
asin_ = arcsin_ = in_place(trigonometry.asin, X)
acos_ = arccos_ = in_place(trigonometry.acos, X)
atan_ = arctan_ = in_place(trigonometry.atan, X)
atan2_ = arctan2_ = in_place(trigonometry.atan2, f"{X} | tc.ones(2)")
hypot_ = in_place(trigonometry.hypot, f"{X} | tc.ones(2)")
sinc_ = in_place(trigonometry.sinc, X)
deg2rad_ = in_place(trigonometry.deg2rad, X)
rad2deg_ = in_place(trigonometry.rad2deg, X)

sinh_ = in_place(hyperbolic.sinh, X)
cosh_ = in_place(hyperbolic.cosh, X)
tanh_ = in_place(hyperbolic.tanh, X, hyperbolic.Tanh)
asinh_ = arcsinh_ = in_place(hyperbolic.asinh, X)
acosh_ = arccosh_ = in_place(hyperbolic.acosh, "tc.tensor([1.0, 2.0])")
atanh_ = arctanh_ = in_place(hyperbolic.atanh, X)

erf_ = in_place(special.erf, X)
erfc_ = in_place(special.erfc, X)
erfinv_ = in_place(special.erfinv, X, special.InverseErrorFunction)

floor_ = in_place(rounding.floor, X)
ceil_ = in_place(rounding.ceil, X)
round_ = in_place(rounding.round, f"{X} | decimals=1")
trunc_ = fix_ = in_place(rounding.trunc, X)
frac_ = in_place(rounding.frac, X)
heaviside_ = in_place(rounding.heaviside, f"{X} | tc.ones(2)")

clamp_ = clip_ = in_place(bounds.clamp, f"{X} | 0.3, 0.4")
clamp_min_ = in_place(bounds.clamp_min, f"{X} | 0.3")
clamp_max_ = in_place(bounds.clamp_max, f"{X} | 0.3")

lerp_ = in_place(combination.lerp, f"{X} | tc.ones(2), 0.5")
addcmul_ = in_place(combination.addcmul, f"{X} | tc.ones(2), tc.ones(2), value=2")
addcdiv_ = in_place(combination.addcdiv, f"{X} | tc.ones(2), tc.ones(2), value=2")
copysign_ = in_place(combination.copysign, f"{X} | -1")
nan_to_num_ = in_place(combination.nan_to_num, f"{X} | 0.0")
masked_fill_ = in_place(selection.masked_fill, f"{X} | tc.tensor([True, False]), 0.0")

eq_ = in_place(comparison.eq, f"{X} | 0.5")
ne_ = not_equal_ = in_place(comparison.ne, f"{X} | 0.5")
lt_ = less_ = in_place(comparison.lt, f"{X} | 0.5")
le_ = less_equal_ = in_place(comparison.le, f"{X} | 0.5")
gt_ = greater_ = in_place(comparison.gt, f"{X} | 0.5")
ge_ = greater_equal_ = in_place(comparison.ge, f"{X} | 0.5")
logical_and_ = in_place(logical.logical_and, f"{X} | tc.ones(2)")
logical_or_ = in_place(logical.logical_or, f"{X} | tc.ones(2)")
logical_xor_ = in_place(logical.logical_xor, f"{X} | tc.ones(2)")
logical_not_ = in_place(logical.logical_not, X)

bitwise_and_ = in_place(bitwise.bitwise_and, f"{INTEGERS} | 1")
bitwise_or_ = in_place(bitwise.bitwise_or, f"{INTEGERS} | 1")
bitwise_xor_ = in_place(bitwise.bitwise_xor, f"{INTEGERS} | 1")
bitwise_not_ = in_place(bitwise.bitwise_not, INTEGERS)
bitwise_left_shift_ = in_place(bitwise.bitwise_left_shift, f"{INTEGERS} | 1")
bitwise_right_shift_ = in_place(bitwise.bitwise_right_shift, f"{INTEGERS} | 1")
