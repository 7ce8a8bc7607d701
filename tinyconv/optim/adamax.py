"""Adamax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class Adamax(Optimizer):
    """Adam with a decaying largest gradient in place of the root of the mean square.

    With gradient g (−g to ``maximize``), learning rate η, weight decay λ and step number t:

        g = g + λ p
        m = m + (1 − β₁)(g − m)
        u = max(β₂ u, |g| + ε)
        p = p − η / (1 − β₁ᵗ) · m / u

    Dtype: float32 or float64; the state has the parameter's.
    Raises: ``ArgumentError`` for a negative number, or a beta outside [0, 1).
    Source: Kingma & Ba, ICLR 2015, algorithm 2.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.Adamax([weight], lr=0.1)
    >>> weight.square().sum().backward()
    >>> optimizer.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.9, -1.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        self.refuse(foreach=foreach, differentiable=differentiable, capturable=capturable)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "eps", "weight_decay")
        self.check_betas(group)

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(step=self.scalar(0), exp_avg=self.zeros_like(parameter), exp_inf=self.zeros_like(parameter))
        step = self.next_step(state)
        beta1, beta2 = group["betas"]
        step_size = float(group["lr"]) / (1 - beta1**step)
        xp = array_module(parameter.device)
        for p, gradient, mean, largest in blocks(parameter, parameter.grad, state["exp_avg"], state["exp_inf"]):
            own, work = self.scratch.like(parameter, p.size)
            gradient = descent(xp, p, gradient, group, own, work)
            xp.subtract(gradient, mean, out=work)
            mean += xp.multiply(work, 1 - beta1, out=work)
            xp.abs(gradient, out=work)
            work += group["eps"]
            largest *= beta2
            xp.maximum(largest, work, out=largest)
            xp.divide(mean, largest, out=work)
            p -= xp.multiply(work, step_size, out=work)
