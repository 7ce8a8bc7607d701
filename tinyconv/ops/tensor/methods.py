"""The methods that are functions elsewhere: a function's first argument is the tensor."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import ShapeError
from tinyconv.ops import (
    activation,
    arithmetic,
    comparison,
    elementwise,
    in_place,
    indexing,
    join,
    matmul,
    reduction,
    shape,
)
from tinyconv.ops.dispatch import Number

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Methods(TensorBase):
    """One line per family, in the order of the files in ``ops``."""

    add, sub, mul, div, pow = arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div, arithmetic.pow
    floor_divide, remainder = arithmetic.floor_divide, arithmetic.remainder
    maximum, minimum = arithmetic.maximum, arithmetic.minimum

    abs, neg, sign, floor, ceil, round = (
        elementwise.abs,
        elementwise.neg,
        elementwise.sign,
        elementwise.floor,
        elementwise.ceil,
        elementwise.round,
    )
    exp, expm1, log, log1p = elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p
    sqrt, rsqrt, square = elementwise.sqrt, elementwise.rsqrt, elementwise.square
    reciprocal = elementwise.reciprocal
    sin, cos, tanh, sigmoid = elementwise.sin, elementwise.cos, elementwise.tanh, elementwise.sigmoid
    clamp = elementwise.clamp
    relu, softmax, log_softmax = activation.relu, activation.softmax, activation.log_softmax

    eq, ne, lt = comparison.eq, comparison.ne, comparison.lt
    le, gt, ge = comparison.le, comparison.gt, comparison.ge
    logical_and, logical_or = comparison.logical_and, comparison.logical_or
    logical_xor, logical_not = comparison.logical_xor, comparison.logical_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    equal, allclose = comparison.equal, comparison.allclose

    sum, mean, var, std, prod = reduction.sum, reduction.mean, reduction.var, reduction.std, reduction.prod
    amax, amin, argmax, argmin = reduction.amax, reduction.amin, reduction.argmax, reduction.argmin
    max, min, all, any = reduction.max, reduction.min, reduction.all, reduction.any
    logsumexp, norm = reduction.logsumexp, reduction.norm

    reshape, view, flatten, unflatten = shape.reshape, shape.view, shape.flatten, shape.unflatten
    permute, transpose, t, flip = shape.permute, shape.transpose, shape.t, shape.flip
    squeeze, unsqueeze, expand = shape.squeeze, shape.unsqueeze, shape.expand
    clone, contiguous = shape.clone, shape.contiguous

    gather, index_select, narrow = indexing.gather, indexing.index_select, indexing.narrow
    take_along_dim = indexing.take_along_dim
    split, chunk, unbind = join.split, join.chunk, join.unbind
    matmul, mm, bmm = matmul.matmul, matmul.mm, matmul.bmm

    # written in place
    add_ = in_place.add_
    sub_ = in_place.sub_
    mul_ = in_place.mul_
    div_ = in_place.div_
    pow_ = in_place.pow_
    neg_ = in_place.neg_
    exp_ = in_place.exp_
    sqrt_ = in_place.sqrt_
    tanh_ = in_place.tanh_
    sigmoid_ = in_place.sigmoid_
    clamp_ = in_place.clamp_
    fill_ = in_place.fill_
    zero_ = in_place.zero_
    copy_ = in_place.copy_

    def masked_fill(self: Any, mask: Tensor, value: Number) -> Tensor:
        """``value`` where ``mask`` (bool) holds, else x."""
        return arithmetic.where(mask, value, self)

    def repeat(self: Any, *sizes: Any) -> Tensor:
        """A copy, ``sizes[i]`` times along dimension i; sizes before the last ``ndim`` make new dimensions.

        ``sizes``: ints or one sequence of them, at least ``ndim``. Raises ``ShapeError``.
        """
        times = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
        if len(times) < self.ndim or builtins.any(count < 0 for count in times):
            raise ShapeError(
                f"repeat: needs a count of 0 or more for each of the {self.ndim} dimensions of {self.shape}, "
                f"got {times}"
            )
        own = (1,) * (len(times) - self.ndim) + self.shape
        # A dimension of size 1 before each own one, which expands to its count and is then merged with it.
        spread = shape.reshape(self, *(size for dim in own for size in (1, dim)))
        repeated = shape.expand(spread, *(size for pair in zip(times, own, strict=True) for size in pair))
        result = shape.reshape(repeated, *(count * dim for count, dim in zip(times, own, strict=True)))
        # Of one own element, or of none, that may still be the memory of the expanded tensor.
        return shape.clone(result) if result.is_view or not result.array.flags.writeable else result

    def reshape_as(self: Any, other: Tensor) -> Tensor:
        """x in the shape of ``other``."""
        return shape.reshape(self, *other.shape)

    def view_as(self: Any, other: Tensor) -> Tensor:
        """x in the shape of ``other``, as ``view`` gives it."""
        return shape.view(self, *other.shape)

    def expand_as(self: Any, other: Tensor) -> Tensor:
        """x repeated to the shape of ``other``."""
        return shape.expand(self, *other.shape)

    @property
    def T(self: Any) -> Tensor:
        """The transpose of a matrix."""
        return shape.t(self)

    @property
    def mT(self: Any) -> Tensor:
        """The matrices in the last two dimensions, transposed."""
        return shape.transpose(self, -2, -1)
