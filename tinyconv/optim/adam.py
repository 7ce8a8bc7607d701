"""Adam (Kingma & Ba, ICLR 2015, algorithm 1) and AdamW (Loshchilov & Hutter, ICLR 2019, algorithm 2)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks
from tinyconv.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    ``weight_decay``: L2 penalty added to the gradient, or with ``decoupled_weight_decay`` AdamW's direct shrinking.
    ``amsgrad``: divide by the largest mean square so far (Reddi et al., ICLR 2018). ``maximize``: ascend instead.
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
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ArgumentError(f"{type(self).__name__}: betas must be two numbers in [0, 1), got {betas!r}")

    # With gradient g (−g to maximise), learning rate η, weight decay λ, step number t:
    #     p = (1 − η λ) p          (decoupled)         or     g = g + λ p          (otherwise)
    #     m = m + (1 − β₁)(g − m)
    #     v = β₂ v + (1 − β₂) g²
    #     p = p − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)     (amsgrad: the largest v so far in place of v)
    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=0, exp_avg=self.zeros_like(parameter), exp_avg_sq=self.zeros_like(parameter))
        if group["amsgrad"] and "max_exp_avg_sq" not in state:
            state["max_exp_avg_sq"] = self.zeros_like(parameter)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        step_size = group["lr"] / (1 - beta1 ** state["step"])
        root_correction2 = math.sqrt(1 - beta2 ** state["step"])
        moments = [state["exp_avg"], state["exp_avg_sq"]]
        if group["amsgrad"]:
            moments.append(state["max_exp_avg_sq"])
        for p, gradient, mean, mean_square, *largest in blocks(parameter, parameter.grad, *moments):
            own, work = (block[: p.size] for block in self.scratch.like(parameter))
            if group["maximize"]:
                gradient = np.negative(gradient, out=own)
            if group["weight_decay"] and group["decoupled_weight_decay"]:
                p *= 1 - group["lr"] * group["weight_decay"]
            elif group["weight_decay"]:
                np.multiply(p, group["weight_decay"], out=work)
                gradient = np.add(gradient, work, out=own)
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
    """Adam whose weight decay shrinks the weights directly, untouched by the scaling of the gradient."""

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
