"""Adam, and AdamW, which shrinks the weights directly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    With gradient g (−g to ``maximize``), learning rate η, weight decay λ and step number t:

        p = (1 − η λ) p          (decoupled_weight_decay)      or      g = g + λ p      (otherwise)
        m = m + (1 − β₁)(g − m)
        v = β₂ v + (1 − β₂) g²
        p = p − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)

    ``amsgrad``: the largest v so far in place of v.

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number, or a beta outside [0, 1).
    Source: Kingma & Ba, ICLR 2015, algorithm 1; Reddi et al., ICLR 2018, for ``amsgrad``.

    >>> weight = nn.Parameter(tc.tensor([1.0, -200.0]))
    >>> optimizer = optim.Adam([weight], lr=0.1)
    >>> weight.square().sum().backward()
    >>> optimizer.step()  # the first step has the length of the rate, whatever the gradient's
    >>> [round(value, 4) for value in weight.tolist()]
    [0.9, -199.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        self.refuse(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
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
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = self.zeros_like(parameter)
        step = self.next_step(state)
        beta1, beta2 = group["betas"]
        rate = float(group["lr"])
        step_size = rate / (1 - beta1**step)
        root_correction2 = math.sqrt(1 - beta2**step)
        decoupled = group["decoupled_weight_decay"]
        moments = [state["exp_avg"], state["exp_avg_sq"]]
        if group["amsgrad"]:
            moments.append(state["max_exp_avg_sq"])
        for p, gradient, mean, mean_square, *largest in blocks(parameter, parameter.grad, *moments):
            own, work = self.scratch.like(parameter, p.size)
            if decoupled and group["weight_decay"]:
                p *= 1 - rate * group["weight_decay"]
            gradient = descent(p, gradient, group, own, work, penalty=not decoupled)
            np.subtract(gradient, mean, out=work)
            mean += np.multiply(work, 1 - beta1, out=work)
            mean_square *= beta2
            np.multiply(gradient, gradient, out=work)
            mean_square += np.multiply(work, 1 - beta2, out=work)
            for maximum in largest:  # one, or none without amsgrad
                mean_square = np.maximum(maximum, mean_square, out=maximum)
            np.sqrt(mean_square, out=work)
            work /= root_correction2
            work += group["eps"]
            np.divide(mean, work, out=work)
            p -= np.multiply(work, step_size, out=work)


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly, untouched by the scaling of the gradient.

    With learning rate η and weight decay λ, p = (1 − η λ) p before each of Adam's steps.

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number, or a beta outside [0, 1).
    Source: Loshchilov & Hutter, ICLR 2019, algorithm 2.

    >>> weight = nn.Parameter(tc.tensor([10.0]))
    >>> weight.grad = tc.zeros(1)
    >>> optim.AdamW([weight], lr=0.1, weight_decay=0.5).step()
    >>> [round(value, 4) for value in weight.tolist()]
    [9.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
