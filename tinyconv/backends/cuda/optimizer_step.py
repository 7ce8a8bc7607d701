"""Steps of the optimisers: one pass over the parameters, their gradients and their moments, one launch for all of them.

A network has dozens of small parameters; a launch for each would take longer than the steps. So the kernels are given
a table of addresses. In the simulator, which has none, the same steps are launched for each parameter by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinyconv.backends.cuda.addresses import CHUNK, FIRST_BLOCK, NUMBERS, SIZE, row_of_block, table_of
from tinyconv.backends.cuda.arrays import flat_view, nothing
from tinyconv.backends.cuda.compiler import SIMULATED, cuda, helper
from tinyconv.backends.cuda.grids import THREADS, launch_each
from tinyconv.backends.cuda.kernels import Kernel, kernel
from tinyconv.backends.cuda.launch import launch
from tinyconv.backends.cuda.parameters import Doubles, Float, Floats, Int, Longs
from tinyconv.core.arrays import Array, FloatArray

if not SIMULATED:
    from tinyconv.backends.cuda.addresses import load_at, store_at


@helper
def adam_moments(p, gradient, mean, square, shrink, penalty, sign, new1, beta2, new2):
    """(p, m, v) after the first line of ``adam_step``; new1 = 1 - beta1, new2 = 1 - beta2."""
    weight = p * shrink
    g = sign * gradient + penalty * weight
    return weight, mean + (g - mean) * new1, square * beta2 + g * g * new2


@helper
def sgd_direction(direction, velocity, nesterov, momentum):
    """Where to go, given the velocity after it took its part of the direction."""
    return direction + momentum * velocity if nesterov else velocity


@kernel
def adam(
    p: Floats, gradient: Floats, mean: Floats, square: Floats, largest: Floats, size: Float, root: Float,
    shrink: Float, penalty: Float, sign: Float, eps: Float, new1: Float, beta2: Float, new2: Float,
):  # fmt: skip
    """A thread steps one number of one parameter; ``root``: the correction of sqrt v."""
    i = cuda.grid(1)
    if i < p.size:
        weight, m, v = adam_moments(p[i], gradient[i], mean[i], square[i], shrink, penalty, sign, new1, beta2, new2)
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
    """A thread steps one number of one parameter."""
    i = cuda.grid(1)
    if i < p.size:
        direction = sign * gradient[i] + penalty * p[i]
        if velocity.size:
            v = momentum * velocity[i] + new * direction
            velocity[i] = v
            direction = sgd_direction(direction, v, nesterov, momentum)
        p[i] -= rate * direction


def adam_of_all(
    like: Floats, words: Longs, numbers: Doubles, rows: Int, shrink: Float, penalty: Float, sign: Float, eps: Float,
    new1: Float, beta2: Float, new2: Float,
):  # fmt: skip
    """A block steps ``CHUNK`` numbers of one of all parameters. Addresses: p, gradient, m, v, and largest v or 0."""
    row = row_of_block(words, rows)
    p, gradient, mean, square, largest = words[row], words[row + 1], words[row + 2], words[row + 3], words[row + 4]
    size, root = like.dtype.type(numbers[row + NUMBERS]), like.dtype.type(numbers[row + NUMBERS + 1])
    start = (cuda.blockIdx.x - words[row + FIRST_BLOCK]) * CHUNK
    i, end = start + cuda.threadIdx.x, min(start + CHUNK, words[row + SIZE])
    while i < end:
        weight, m, v = adam_moments(
            load_at(p, i, like), load_at(gradient, i, like), load_at(mean, i, like), load_at(square, i, like),
            shrink, penalty, sign, new1, beta2, new2,
        )  # fmt: skip
        store_at(mean, i, m)
        store_at(square, i, v)
        if largest != 0:
            most = load_at(largest, i, like)
            v = most if most > v else v
            store_at(largest, i, v)
        store_at(p, i, weight - size * (m / (like.dtype.type(math.sqrt(v)) * root + eps)))
        i += cuda.blockDim.x


def sgd_of_all(
    like: Floats, words: Longs, numbers: Doubles, rows: Int, sign: Float, penalty: Float, momentum: Float, rate: Float,
    nesterov: Int,
):  # fmt: skip
    """The same without moments. Addresses: p, gradient, and velocity or 0."""
    row = row_of_block(words, rows)
    p, gradient, velocity = words[row], words[row + 1], words[row + 2]
    new = like.dtype.type(numbers[row + NUMBERS])
    start = (cuda.blockIdx.x - words[row + FIRST_BLOCK]) * CHUNK
    i, end = start + cuda.threadIdx.x, min(start + CHUNK, words[row + SIZE])
    while i < end:
        weight = load_at(p, i, like)
        direction = sign * load_at(gradient, i, like) + penalty * weight
        if velocity != 0:
            v = momentum * load_at(velocity, i, like) + new * direction
            store_at(velocity, i, v)
            direction = sgd_direction(direction, v, nesterov, momentum)
        store_at(p, i, weight - rate * direction)
        i += cuda.blockDim.x


OF_ALL = {} if SIMULATED else {adam: kernel(adam_of_all), sgd: kernel(sgd_of_all)}
"""For the kernel that steps one parameter that which steps all of them."""


def _launch(
    step: Kernel, groups: Sequence[Sequence[FloatArray]], most: int, numbers: Array, rule: tuple[Any, ...]
) -> None:
    """Run ``step`` for each group of ``most`` arrays or fewer, each with its row of ``numbers``."""
    if SIMULATED:
        for arrays, own in zip(groups, numbers, strict=True):
            flat = [flat_view(array) for array in arrays]
            flat += [nothing(arrays[0])] * (most - len(arrays))
            launch_each(step, arrays[0].size, *flat, *map(float, own), *rule)
    elif groups:
        table = table_of(groups, numbers)
        arguments = nothing(groups[0][0]), table.words, table.numbers, table.rows
        launch(OF_ALL[step], table.blocks, THREADS, *arguments, *rule)


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
    groups = [(p, gradient, *own) for p, gradient, own in zip(parameters, gradients, moments, strict=True)]
    _launch(adam, groups, 5, rates, (shrink, penalty, sign, eps, 1 - betas[0], betas[1], 1 - betas[1]))


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
    arrays = (parameters, gradients, velocities) if velocities else (parameters, gradients)
    _launch(sgd, list(zip(*arrays, strict=True)), 3, rates, (sign, penalty, momentum, rate, int(nesterov)))
