"""Steps of optimisers as operators: weights, their gradients and states go in, and come out changed.

The optimisers themselves do the arithmetic. A node may serve several tensors: (R, T, X1, ..., G1, ..., S1, ...), with
the learning rate R, the number T of steps before, weights X, gradients G and states S.
"""

from __future__ import annotations

import math
from typing import Any

from tinyconv import optim
from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.creation.creation import tensor
from tinyconv.ops.tensor import Tensor

MANY = 10**9
"""So many steps that no bias is left to be corrected."""


@operator("Momentum")
def momentum(
    rate: Tensor, steps: Tensor, *values: Tensor, alpha: float, beta: float, mode: str, norm_coefficient: float
) -> Any:
    """v = alpha v + beta g, but g alone in the first step; x = x - rate v, and "nesterov" x - rate (g + alpha v)."""
    weights, gradients, states = _parts("Momentum", values, 3)
    first = int(steps.item()) == 0
    if mode not in ("standard", "nesterov") or (mode == "nesterov" and beta != 1 and not first):
        raise UnsupportedError(f"operator Momentum with mode={mode!r} and beta={beta} is not offered")
    damping = 0.0 if first else 1 - beta
    parameters = _parameters(weights, gradients)
    optimizer = optim.SGD(parameters, rate.item(), alpha, damping, norm_coefficient, mode == "nesterov")
    for parameter, state in zip(parameters, states, strict=True):
        optimizer.state[parameter] = {"momentum_buffer": state.clone()}
    optimizer.step()
    return (*(p.detach() for p in parameters), *(optimizer.state[p]["momentum_buffer"] for p in parameters))


@operator("Adam")
def adam(
    rate: Tensor,
    steps: Tensor,
    *values: Tensor,
    alpha: float = 0.9,
    beta: float = 0.999,
    epsilon: float = 1e-6,
    norm_coefficient: float = 0.0,
    norm_coefficient_post: float = 0.0,
) -> Any:
    """x = x - r m / (sqrt(v) + epsilon), with r = rate sqrt(1 - beta^T) / (1 - alpha^T), and rate itself where T = 0.

    Adam's own epsilon stands beside sqrt(v / (1 - beta^T)): it is this one over sqrt(1 - beta^T).
    """
    weights, gradients, first, second = _parts("Adam", values, 4)
    passed = int(steps.item()) or MANY
    parameters = _parameters(weights, gradients)
    eps = epsilon / math.sqrt(1 - beta**passed)
    optimizer = optim.Adam(parameters, rate.item(), (alpha, beta), eps, norm_coefficient)
    for parameter, mean, square in zip(parameters, first, second, strict=True):
        optimizer.state[parameter] = {
            "step": tensor(float(passed - 1), dtype=mean.dtype),
            "exp_avg": mean.clone(),
            "exp_avg_sq": square.clone(),
        }
    optimizer.step()
    results = [parameter.detach() * (1 - norm_coefficient_post) for parameter in parameters]
    states = [optimizer.state[p][name] for name in ("exp_avg", "exp_avg_sq") for p in parameters]
    return (*results, *states)


@operator("Adagrad")
def adagrad(
    rate: Tensor,
    steps: Tensor,
    *values: Tensor,
    decay_factor: float = 0.0,
    epsilon: float = 0.0,
    norm_coefficient: float = 0.0,
) -> Any:
    """h = h + g^2; x = x - r g / (sqrt(h) + epsilon), with r = rate / (1 + T decay_factor)."""
    weights, gradients, states = _parts("Adagrad", values, 3)
    pace = rate.item() / (1 + steps.item() * decay_factor)
    changed, sums = [], []
    for weight, gradient, state in zip(weights, gradients, states, strict=True):
        pull = gradient + norm_coefficient * weight
        total = state + pull * pull
        changed.append(weight - pace * pull / (total.sqrt() + epsilon))
        sums.append(total)
    return (*changed, *sums)


def _parts(operator: str, values: tuple[Tensor, ...], parts: int) -> list[tuple[Tensor, ...]]:
    if len(values) % parts:
        raise UnsupportedError(f"operator {operator} takes {parts} tensors for each weight, the node has {len(values)}")
    count = len(values) // parts
    return [values[start : start + count] for start in range(0, len(values), count)]


def _parameters(weights: tuple[Tensor, ...], gradients: tuple[Tensor, ...]) -> list[Parameter]:
    parameters = [Parameter(weight.detach().clone()) for weight in weights]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.detach()
    return parameters
