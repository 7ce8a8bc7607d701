"""Steps of the optimisers: one pass over a parameter, its gradient and its moments, one launch for all parameters.

The kernels are given addresses, because a network has any number of parameters. To them, the parameters are one row of
elements, dealt out in pieces that begin and end where they may.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numba as numba_module
import numpy as np
from numba import types
from numba.extending import intrinsic

from tinyconv.backends.cpu.compilation import exact_helper, kernel
from tinyconv.backends.cpu.parallel import launch
from tinyconv.backends.cpu.pieces import piece_bounds, pieces_of
from tinyconv.backends.cpu.vectors import use_widest_vectors
from tinyconv.core.arrays import Array, FloatArray

numba: Any = numba_module


def _type_and_code(_: Any, __: Any, like: Any) -> Any:
    pointer = types.CPointer(like)
    return pointer(types.intp, like), _to_pointer


def _to_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


pointer_to: Any = intrinsic(_type_and_code)
"""The pointer to numbers of the type of the second argument, at the address that is the first."""


@exact_helper
def part(address, first, end, like):
    """Elements ``first`` to ``end`` of the array at ``address``."""
    return numba.carray(pointer_to(address, like), end)[first:end]


@exact_helper
def adam_on(p, gradient, mean, square, largest, step_size, correction, rule):
    """``rule``: shrink, penalty, sign, eps, 1 - beta1, beta2, 1 - beta2. See ``adam_step``."""
    use_widest_vectors()
    scalar = p.dtype.type
    shrink, penalty, sign, eps = scalar(rule[0]), scalar(rule[1]), scalar(rule[2]), scalar(rule[3])
    new1, beta2, new2 = scalar(rule[4]), scalar(rule[5]), scalar(rule[6])
    size, root = scalar(step_size), scalar(correction)
    if largest.size:
        for i in range(p.size):
            weight = p[i] * shrink
            g = sign * gradient[i] + penalty * weight
            m = mean[i] + (g - mean[i]) * new1
            v = square[i] * beta2 + g * g * new2
            mean[i], square[i] = m, v
            largest[i] = largest[i] if largest[i] > v else v
            p[i] = weight - size * (m / (math.sqrt(largest[i]) * root + eps))
    else:
        for i in range(p.size):
            weight = p[i] * shrink
            g = sign * gradient[i] + penalty * weight
            m = mean[i] + (g - mean[i]) * new1
            v = square[i] * beta2 + g * g * new2
            mean[i], square[i] = m, v
            p[i] = weight - size * (m / (math.sqrt(v) * root + eps))


@kernel
def adam(job, jobs, addresses, starts, rates, rule, like):
    """``addresses``: of p, gradient, mean, square, and largest or 0, a row for each parameter; ``like`` has their type.

    ``starts``: the first element of each parameter in the row of all elements, and the number of all.
    """
    first, end = piece_bounds(job, jobs, starts[-1])
    index = np.searchsorted(starts, first, side="right") - 1
    while first < end:
        stop = min(end, starts[index + 1])
        begin, last = first - starts[index], stop - starts[index]
        row = addresses[index]
        adam_on(
            part(row[0], begin, last, like), part(row[1], begin, last, like), part(row[2], begin, last, like),
            part(row[3], begin, last, like), part(row[4], begin, last if row[4] else begin, like),
            rates[index, 0], rates[index, 1], rule,
        )  # fmt: skip
        first, index = stop, index + 1


def adam_step(
    parameters: Sequence[FloatArray],
    gradients: Sequence[FloatArray],
    moments: Sequence[tuple[FloatArray, ...]],
    rates: Array,
    *,
    shrink: float,
    penalty: float,
    sign: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """With (m, v) the moments of p, or (m, v, l) to divide by the largest v so far, and (size, correction) its rates:

        p = shrink p,  g = sign g + penalty p,  m = m + (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2,
        p = p - size m / (correction sqrt v + eps)

    All of one type, each parameter with its gradient and moments of one shape and in one memory order, without gaps.
    """
    rule = np.array([shrink, penalty, sign, eps, 1 - betas[0], betas[1], 1 - betas[1]])
    _launch(adam, parameters, zip(parameters, gradients, *zip(*moments, strict=True), strict=True), 5, rates, rule)


@exact_helper
def sgd_on(p, gradient, velocity, new, rule):
    """``rule``: sign, penalty, momentum, rate, nesterov. See ``sgd_step``."""
    use_widest_vectors()
    scalar = p.dtype.type
    sign, penalty, momentum, rate = scalar(rule[0]), scalar(rule[1]), scalar(rule[2]), scalar(rule[3])
    share = scalar(new)
    if velocity.size == 0:
        for i in range(p.size):
            p[i] -= rate * (sign * gradient[i] + penalty * p[i])
    elif rule[4]:
        for i in range(p.size):
            direction = sign * gradient[i] + penalty * p[i]
            velocity[i] = momentum * velocity[i] + share * direction
            p[i] -= rate * (direction + momentum * velocity[i])
    else:
        for i in range(p.size):
            velocity[i] = momentum * velocity[i] + share * (sign * gradient[i] + penalty * p[i])
            p[i] -= rate * velocity[i]


@kernel
def sgd(job, jobs, addresses, starts, rates, rule, like):
    """``addresses``: of p, gradient, and velocity or 0, a row for each parameter. Otherwise as ``adam``."""
    first, end = piece_bounds(job, jobs, starts[-1])
    index = np.searchsorted(starts, first, side="right") - 1
    while first < end:
        stop = min(end, starts[index + 1])
        begin, last = first - starts[index], stop - starts[index]
        row = addresses[index]
        sgd_on(
            part(row[0], begin, last, like), part(row[1], begin, last, like),
            part(row[2], begin, last if row[2] else begin, like), rates[index, 0], rule,
        )  # fmt: skip
        first, index = stop, index + 1


def sgd_step(
    parameters: Sequence[FloatArray],
    gradients: Sequence[FloatArray],
    velocities: Sequence[FloatArray],
    rates: Array,
    *,
    penalty: float,
    sign: float,
    momentum: float,
    nesterov: bool,
    rate: float,
) -> None:
    """With v the velocity of p, if there are ``velocities``, and (new,) its rates:

        d = sign g + penalty p,  v = momentum v + new d,  p = p - rate v   (nesterov: p - rate (d + momentum v))

    and without p = p - rate d. All of one type, each parameter with its gradient and velocity of one shape and in one
    memory order, without gaps.
    """
    rule = np.array([sign, penalty, momentum, rate, float(nesterov)])
    arrays = (
        zip(parameters, gradients, velocities, strict=True) if velocities else zip(parameters, gradients, strict=True)
    )
    _launch(sgd, parameters, arrays, 3, rates, rule)


def _launch(
    step: Any, parameters: Sequence[FloatArray], rows: Iterable[tuple[FloatArray, ...]], width: int, rates: Array,
    rule: Array,
) -> None:  # fmt: skip
    addresses = np.zeros((len(parameters), width), np.intp)
    for row, arrays in zip(addresses, rows, strict=True):
        row[: len(arrays)] = [array.ctypes.data for array in arrays]
    starts = np.zeros(len(parameters) + 1, np.intp)
    np.cumsum([parameter.size for parameter in parameters], out=starts[1:])
    if starts[-1]:
        launch(step, pieces_of(int(starts[-1])), addresses, starts, rates, rule, parameters[0].dtype.type(0))
