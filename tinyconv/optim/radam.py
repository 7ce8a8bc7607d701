"""RAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer

LEAST_LENGTH = 5
"""The adaptive rate is used from this length of the average on; the variance of shorter ones is not to be relied on."""


class RAdam(Optimizer):
    """Adam that corrects for the variance of its first steps, in which the mean square is made of few gradients.

    With gradient g (−g to ``maximize``), learning rate η, weight decay λ and step number t:

        p = (1 − η λ) p          (decoupled_weight_decay)      or      g = g + λ p      (otherwise)
        m = m + (1 − β₁)(g − m)
        v = β₂ v + (1 − β₂) g²
        ρ∞ = 2 / (1 − β₂) − 1,   ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
        r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ))
        p = p − η r / (1 − β₁ᵗ) · m √(1 − β₂ᵗ) / (√v + ε)      where ρ > 5
        p = p − η / (1 − β₁ᵗ) · m                              otherwise

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number, or a beta outside [0, 1).
    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, algorithm 2.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.RAdam([weight], lr=0.1)
    >>> weight.square().sum().backward()
    >>> optimizer.step()  # at first a step along the plain gradient
    >>> [round(value, 4) for value in weight.tolist()]
    [0.8, -1.6]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        self.refuse(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "eps", "weight_decay")
        self.check_betas(group)

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=self.scalar(0), exp_avg=self.zeros_like(parameter), exp_avg_sq=self.zeros_like(parameter))
        step = self.next_step(state)
        beta1, beta2 = group["betas"]
        rate = float(group["lr"])
        step_size = rate / (1 - beta1**step)
        correction2 = 1 - beta2**step
        final_length = 2 / (1 - beta2) - 1
        length = final_length - 2 * step * beta2**step / correction2
        adaptive = length > LEAST_LENGTH
        if adaptive:
            rectified = (length - 4) * (length - 2) * final_length
            step_size *= math.sqrt(rectified / ((final_length - 4) * (final_length - 2) * length) * correction2)
        decoupled = group["decoupled_weight_decay"]
        xp = array_module(parameter.device)
        for p, gradient, mean, mean_square in blocks(parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]):
            own, work = self.scratch.like(parameter, p.size)
            if decoupled and group["weight_decay"]:
                p *= 1 - rate * group["weight_decay"]
            gradient = descent(xp, p, gradient, group, own, work, penalty=not decoupled)
            xp.subtract(gradient, mean, out=work)
            mean += xp.multiply(work, 1 - beta1, out=work)
            xp.multiply(gradient, gradient, out=work)
            mean_square *= beta2
            mean_square += xp.multiply(work, 1 - beta2, out=work)
            direction = mean
            if adaptive:
                xp.sqrt(mean_square, out=work)
                work += group["eps"]
                direction = xp.divide(mean, work, out=work)
            p -= xp.multiply(direction, step_size, out=work)
