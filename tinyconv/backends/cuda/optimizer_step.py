"""Steps of the optimisers: one pass over a parameter, its gradient and its moments."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyconv.backends.cuda.arrays import flat_view, nothing
from tinyconv.backends.cuda.compiler import cuda
from tinyconv.backends.cuda.grids import launch_each
from tinyconv.backends.cuda.kernels import kernel
from tinyconv.backends.cuda.parameters import Float, Floats, Int
from tinyconv.core.arrays import Array, FloatArray


@kernel
def adam(
    p: Floats, gradient: Floats, mean: Floats, square: Floats, largest: Floats, size: Float, root: Float,
    shrink: Float, penalty: Float, sign: Float, eps: Float, new1: Float, beta2: Float, new2: Float,
):  # fmt: skip
    """A thread steps one number; see ``adam_step``. new1 = 1 - beta1, new2 = 1 - beta2, root = the correction."""
    i = cuda.grid(1)
    if i < p.size:
        weight = p[i] * shrink
        g = sign * gradient[i] + penalty * weight
        m = mean[i] + (g - mean[i]) * new1
        v = square[i] * beta2 + g * g * new2
        mean[i], square[i] = m, v
        if largest.size:
            v = largest[i] if largest[i] > v else v
            largest[i] = v
        p[i] = weight - size * (m / (p.dtype.type(math.sqrt(v)) * root + eps))


@kernel
def sgd(
    p: Floats, gradient: Floats, velocity: Floats, new: Float, sign: Float, penalty: Float, momentum: Float,
    rate: Float, nesterov: Int,
):  # fmt: skip
    """A thread steps one number; see ``sgd_step``."""
    i = cuda.grid(1)
    if i < p.size:
        direction = sign * gradient[i] + penalty * p[i]
        if velocity.size:
            v = momentum * velocity[i] + new * direction
            velocity[i] = v
            direction = direction + momentum * v if nesterov else v
        p[i] -= rate * direction


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
    rule = shrink, penalty, sign, eps, 1 - betas[0], betas[1], 1 - betas[1]
    for p, gradient, (m, v, *largest), (size, root) in zip(parameters, gradients, moments, rates, strict=True):
        arrays = flat_view(p), flat_view(gradient), flat_view(m), flat_view(v)
        maximum = flat_view(largest[0]) if largest else nothing(p)
        launch_each(adam, p.size, *arrays, maximum, float(size), float(root), *rule)


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
    rule = sign, penalty, momentum, rate, int(nesterov)
    for index, (p, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        velocity = flat_view(velocities[index]) if velocities else nothing(p)
        launch_each(sgd, p.size, flat_view(p), flat_view(gradient), velocity, float(rates[index, 0]), *rule)
