"""The methods that are the functions of elements: a function's first argument is the tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops import type_queries
from tinyconv.ops.creation import random_fill
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
from tinyconv.ops.in_place import in_place
from tinyconv.ops.in_place import in_place_forms as forms

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class ElementwiseMethods(TensorBase):
    """One block for each file of ``ops``; the forms that write in place come last."""

    add = arithmetic.add
    div = arithmetic.div
    divide = arithmetic.divide
    mul = arithmetic.mul
    multiply = arithmetic.multiply
    sub = arithmetic.sub
    subtract = arithmetic.subtract
    true_divide = arithmetic.true_divide

    floor_divide = division.floor_divide
    fmod = division.fmod
    remainder = division.remainder

    float_power = powers.float_power
    pow = powers.pow
    reciprocal = powers.reciprocal
    rsqrt = powers.rsqrt
    sqrt = powers.sqrt
    square = powers.square

    abs = elementwise.abs
    absolute = elementwise.absolute
    exp = elementwise.exp
    log = elementwise.log
    neg = elementwise.neg
    negative = elementwise.negative
    positive = elementwise.positive
    sgn = elementwise.sgn
    sigmoid = elementwise.sigmoid
    sign = elementwise.sign

    exp2 = exponential.exp2
    expm1 = exponential.expm1
    log1p = exponential.log1p
    log2 = exponential.log2
    log10 = exponential.log10
    logaddexp = exponential.logaddexp
    logit = exponential.logit
    xlogy = exponential.xlogy

    acos = trigonometry.acos
    arccos = trigonometry.arccos
    arcsin = trigonometry.arcsin
    arctan = trigonometry.arctan
    arctan2 = trigonometry.arctan2
    asin = trigonometry.asin
    atan = trigonometry.atan
    atan2 = trigonometry.atan2
    cos = trigonometry.cos
    deg2rad = trigonometry.deg2rad
    hypot = trigonometry.hypot
    rad2deg = trigonometry.rad2deg
    sin = trigonometry.sin
    sinc = trigonometry.sinc
    tan = trigonometry.tan

    acosh = hyperbolic.acosh
    arccosh = hyperbolic.arccosh
    arcsinh = hyperbolic.arcsinh
    arctanh = hyperbolic.arctanh
    asinh = hyperbolic.asinh
    atanh = hyperbolic.atanh
    cosh = hyperbolic.cosh
    sinh = hyperbolic.sinh
    tanh = hyperbolic.tanh

    erf = special.erf
    erfc = special.erfc
    erfinv = special.erfinv

    ceil = rounding.ceil
    fix = rounding.fix
    floor = rounding.floor
    frac = rounding.frac
    heaviside = rounding.heaviside
    round = rounding.round
    trunc = rounding.trunc

    clamp = bounds.clamp
    clamp_max = bounds.clamp_max
    clamp_min = bounds.clamp_min
    clip = bounds.clip
    fmax = bounds.fmax
    fmin = bounds.fmin
    maximum = bounds.maximum
    minimum = bounds.minimum

    addcdiv = combination.addcdiv
    addcmul = combination.addcmul
    copysign = combination.copysign
    lerp = combination.lerp
    nan_to_num = combination.nan_to_num

    masked_fill = selection.masked_fill

    allclose = comparison.allclose
    eq = comparison.eq
    equal = comparison.equal
    ge = comparison.ge
    greater = comparison.greater
    greater_equal = comparison.greater_equal
    gt = comparison.gt
    isclose = comparison.isclose
    le = comparison.le
    less = comparison.less
    less_equal = comparison.less_equal
    lt = comparison.lt
    ne = comparison.ne
    not_equal = comparison.not_equal

    isfinite = logical.isfinite
    isinf = logical.isinf
    isnan = logical.isnan
    isneginf = logical.isneginf
    isposinf = logical.isposinf
    logical_and = logical.logical_and
    logical_not = logical.logical_not
    logical_or = logical.logical_or
    logical_xor = logical.logical_xor
    signbit = logical.signbit

    bitwise_and = bitwise.bitwise_and
    bitwise_left_shift = bitwise.bitwise_left_shift
    bitwise_not = bitwise.bitwise_not
    bitwise_or = bitwise.bitwise_or
    bitwise_right_shift = bitwise.bitwise_right_shift
    bitwise_xor = bitwise.bitwise_xor

    is_nonzero = type_queries.is_nonzero

    def where(self: Any, condition: Tensor, other: Any) -> Tensor:
        """x where ``condition`` holds, else ``other``: ``tinyconv.where(condition, x, other)``.

        ``condition``: a bool tensor. ``other``: a tensor or a number.

        Shape: broadcast together.
        Dtype: the promoted type of x and ``other``.
        Raises: as ``tinyconv.where``.

        >>> x = tc.tensor([-1.0, 2.0])
        >>> x.where(x > 0, 0.0)
        tensor([0., 2.])
        """
        result: Tensor = selection.where(condition, self, other)
        return result

    add_ = forms.add_
    sub_ = forms.sub_
    subtract_ = forms.subtract_
    mul_ = forms.mul_
    multiply_ = forms.multiply_
    div_ = forms.div_
    divide_ = forms.divide_
    true_divide_ = forms.true_divide_

    floor_divide_ = forms.floor_divide_
    remainder_ = forms.remainder_
    fmod_ = forms.fmod_

    pow_ = forms.pow_
    float_power_ = forms.float_power_
    square_ = forms.square_
    sqrt_ = forms.sqrt_
    rsqrt_ = forms.rsqrt_
    reciprocal_ = forms.reciprocal_

    neg_ = forms.neg_
    negative_ = forms.negative_
    abs_ = forms.abs_
    absolute_ = forms.absolute_
    sign_ = forms.sign_
    sgn_ = forms.sgn_
    exp_ = forms.exp_
    log_ = forms.log_
    sigmoid_ = forms.sigmoid_

    exp2_ = forms.exp2_
    expm1_ = forms.expm1_
    log2_ = forms.log2_
    log10_ = forms.log10_
    log1p_ = forms.log1p_
    xlogy_ = forms.xlogy_
    logit_ = forms.logit_

    sin_ = forms.sin_
    cos_ = forms.cos_
    tan_ = forms.tan_
    asin_ = forms.asin_
    arcsin_ = forms.arcsin_
    acos_ = forms.acos_
    arccos_ = forms.arccos_
    atan_ = forms.atan_
    arctan_ = forms.arctan_
    atan2_ = forms.atan2_
    arctan2_ = forms.arctan2_
    hypot_ = forms.hypot_
    sinc_ = forms.sinc_
    deg2rad_ = forms.deg2rad_
    rad2deg_ = forms.rad2deg_

    sinh_ = forms.sinh_
    cosh_ = forms.cosh_
    tanh_ = forms.tanh_
    asinh_ = forms.asinh_
    arcsinh_ = forms.arcsinh_
    acosh_ = forms.acosh_
    arccosh_ = forms.arccosh_
    atanh_ = forms.atanh_
    arctanh_ = forms.arctanh_

    erf_ = forms.erf_
    erfc_ = forms.erfc_
    erfinv_ = forms.erfinv_

    floor_ = forms.floor_
    ceil_ = forms.ceil_
    round_ = forms.round_
    trunc_ = forms.trunc_
    fix_ = forms.fix_
    frac_ = forms.frac_
    heaviside_ = forms.heaviside_

    clamp_ = forms.clamp_
    clip_ = forms.clip_
    clamp_min_ = forms.clamp_min_
    clamp_max_ = forms.clamp_max_

    lerp_ = forms.lerp_
    addcmul_ = forms.addcmul_
    addcdiv_ = forms.addcdiv_
    copysign_ = forms.copysign_
    nan_to_num_ = forms.nan_to_num_

    masked_fill_ = forms.masked_fill_

    eq_ = forms.eq_
    ne_ = forms.ne_
    not_equal_ = forms.not_equal_
    lt_ = forms.lt_
    less_ = forms.less_
    le_ = forms.le_
    less_equal_ = forms.less_equal_
    gt_ = forms.gt_
    greater_ = forms.greater_
    ge_ = forms.ge_
    greater_equal_ = forms.greater_equal_

    logical_and_ = forms.logical_and_
    logical_or_ = forms.logical_or_
    logical_xor_ = forms.logical_xor_
    logical_not_ = forms.logical_not_

    bitwise_and_ = forms.bitwise_and_
    bitwise_or_ = forms.bitwise_or_
    bitwise_xor_ = forms.bitwise_xor_
    bitwise_not_ = forms.bitwise_not_
    bitwise_left_shift_ = forms.bitwise_left_shift_
    bitwise_right_shift_ = forms.bitwise_right_shift_

    fill_ = in_place.fill_
    zero_ = in_place.zero_
    copy_ = in_place.copy_

    normal_ = random_fill.normal_
    uniform_ = random_fill.uniform_
    bernoulli_ = random_fill.bernoulli_
    random_ = random_fill.random_
