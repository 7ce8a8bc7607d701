"""Steps of the optimisers as their formulas stand, by NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.core.arrays import Array, FloatArray


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
    """
    for p, gradient, (m, v, *largest), (size, correction) in zip(parameters, gradients, moments, rates, strict=True):
        p *= shrink
        g = sign * gradient + penalty * p
        m += (1 - betas[0]) * (g - m)
        v[...] = betas[1] * v + (1 - betas[1]) * g * g
        for maximum in largest:  # one, or none
            v = np.maximum(maximum, v, out=maximum)
        p -= (size * (m / (correction * np.sqrt(v) + eps))).astype(p.dtype)


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

    and without p = p - rate d.
    """
    for index, (p, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        direction = sign * gradient + penalty * p
        if velocities:
            v = velocities[index]
            v[...] = momentum * v + rates[index, 0] * direction
            direction = direction + momentum * v if nesterov else v
        p -= rate * direction
