"""Adam, and AdamW, which shrinks the weights directly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tinyconv.ops import updates
from tinyconv.ops.tensor import Tensor
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
        Adam.update_all(self, [parameter], group)

    def update_all(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        rate, decay, decoupled = float(group["lr"]), group["weight_decay"], group["decoupled_weight_decay"]
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[: 3 if group["amsgrad"] else 2]
        moments, rates = [], []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["step"] = self.scalar(0)
            for name in names:
                if name not in state:
                    state[name] = self.zeros_like(parameter)
            step = self.next_step(state)
            moments.append(tuple(state[name] for name in names))
            rates.append((rate / (1 - beta1**step), 1 / math.sqrt(1 - beta2**step)))
        updates.adam_step(
            parameters,
            moments,
            rates,
            shrink=1 - rate * decay if decoupled else 1.0,
            penalty=0.0 if decoupled else float(decay),
            sign=-1.0 if group["maximize"] else 1.0,
            betas=(beta1, beta2),
            eps=float(group["eps"]),
        )


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
