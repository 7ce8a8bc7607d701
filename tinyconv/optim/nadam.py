"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which grows from β₁ / 2 towards β₁ by a schedule of its own.

    With gradient g (−g to ``maximize``), learning rate η, weight decay λ, momentum decay ψ and step number t:

        p = (1 − η λ) p          (decoupled_weight_decay)      or      g = g + λ p      (otherwise)
        μₜ = β₁ (1 − 0.96^(t ψ) / 2),   Π = μ₁ μ₂ ⋯ μₜ
        m = m + (1 − β₁)(g − m)
        v = β₂ v + (1 − β₂) g²
        p = p − η ((1 − μₜ) / (1 − Π) · g + μₜ₊₁ / (1 − Π μₜ₊₁) · m) / (√(v / (1 − β₂ᵗ)) + ε)

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number, or a beta outside [0, 1).
    Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop, 2016.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.NAdam([weight], lr=0.1)
    >>> weight.square().sum().backward()
    >>> optimizer.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.8944, -1.8944]
    """

    scalar_state = ("mu_product",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "eps", "weight_decay", "momentum_decay")
        self.check_betas(group)

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(
                step=self.scalar(0),
                mu_product=self.scalar(1),
                exp_avg=self.zeros_like(parameter),
                exp_avg_sq=self.zeros_like(parameter),
            )
        step = self.next_step(state)
        beta1, beta2 = group["betas"]
        rate = float(group["lr"])
        momentum, next_momentum = (
            beta1 * (1 - 0.5 * 0.96 ** (number * group["momentum_decay"])) for number in (step, step + 1)
        )
        state["mu_product"].array *= momentum
        product = float(state["mu_product"].array)
        of_gradient = rate * (1 - momentum) / (1 - product)
        of_mean = rate * next_momentum / (1 - product * next_momentum)
        root_correction = math.sqrt(1 - beta2**step)
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
            direction = xp.multiply(gradient, of_gradient, out=own)
            direction += xp.multiply(mean, of_mean, out=work)
            xp.sqrt(mean_square, out=work)
            work /= root_correction
            work += group["eps"]
            direction /= work
            p -= direction
