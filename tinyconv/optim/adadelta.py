"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class Adadelta(Optimizer):
    """Steps as long as recent steps were, against gradients as large as recent gradients were.

    With gradient g (−g to ``maximize``), learning rate η and weight decay λ:

        g = g + λ p
        v = ρ v + (1 − ρ) g²
        d = √(u + ε) / √(v + ε) · g
        u = ρ u + (1 − ρ) d²
        p = p − η d

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number, or ``rho`` outside [0, 1].
    Source: Zeiler, arXiv:1212.5701, 2012, algorithm 1.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.Adadelta([weight], lr=1.0)
    >>> weight.square().sum().backward()
    >>> optimizer.step()  # the first steps are short: there is no earlier one to go by
    >>> [round(value, 4) for value in weight.tolist()]
    [0.9968, -1.9968]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        self.refuse(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "eps", "weight_decay")
        if not 0 <= group["rho"] <= 1:
            raise ArgumentError(f"Adadelta: rho must lie between 0 and 1, got {group['rho']!r}")

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(
                step=self.scalar(0), square_avg=self.zeros_like(parameter), acc_delta=self.zeros_like(parameter)
            )
        self.next_step(state)
        rho, rate = group["rho"], float(group["lr"])
        xp = array_module(parameter.device)
        for p, gradient, mean_square, step_square in blocks(
            parameter, parameter.grad, state["square_avg"], state["acc_delta"]
        ):
            own, work = self.scratch.like(parameter, p.size)
            gradient = descent(xp, p, gradient, group, own, work)
            mean_square *= rho
            xp.multiply(gradient, gradient, out=work)
            mean_square += xp.multiply(work, 1 - rho, out=work)
            xp.sqrt(xp.add(step_square, group["eps"], out=work), out=work)
            step = xp.multiply(gradient, work, out=own)
            xp.sqrt(xp.add(mean_square, group["eps"], out=work), out=work)
            step /= work
            step_square *= rho
            xp.multiply(step, step, out=work)
            step_square += xp.multiply(work, 1 - rho, out=work)
            p -= xp.multiply(step, rate, out=step)
