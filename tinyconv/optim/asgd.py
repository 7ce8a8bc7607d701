"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class ASGD(Optimizer):
    """Gradient descent that also averages the weights it has passed through, from step ``t0`` on.

    With gradient g (−g to ``maximize``), learning rate η₀, weight decay λ, ``lambd`` l, ``alpha`` a, step number t:

        g = g + λ p
        p = (1 − l η) p − η g            (η = η₀ at the first step)
        p̄ = p̄ + μ (p − p̄)                (μ = 1 up to step t0: p̄ is p)
        η = η₀ / (1 + l η₀ t)ᵃ,   μ = 1 / max(1, t − t0)

    The average p̄ stands in ``optimizer.state[p]["ax"]``; p itself goes on unaveraged.

    Dtype: float32 or float64; the average has the parameter's.
    Raises: ``ArgumentError`` for a negative learning rate or weight decay.
    Source: Polyak & Juditsky, SIAM J. Control Optim. 30, 1992.

    >>> weight = nn.Parameter(tc.tensor([1.0]))
    >>> optimizer = optim.ASGD([weight], lr=0.5, lambd=0.0, t0=0)
    >>> for _ in range(3):
    ...     weight.grad = tc.ones(1)
    ...     optimizer.step()
    >>> weight.item(), optimizer.state[weight]["ax"].item()  # the average of the last two weights
    (-0.5, -0.25)
    """

    scalar_state = ("eta", "mu")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        self.refuse(foreach=foreach, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "weight_decay")

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        start = float(group["lr"])
        if not state:
            state.update(step=self.scalar(0), eta=self.scalar(start), mu=self.scalar(1), ax=self.zeros_like(parameter))
        step = self.next_step(state)
        rate, weight = float(state["eta"].array), float(state["mu"].array)
        xp = array_module(parameter.device)
        for p, gradient, average in blocks(parameter, parameter.grad, state["ax"]):
            own, work = self.scratch.like(parameter, p.size)
            gradient = descent(xp, p, gradient, group, own, work)
            p *= 1 - group["lambd"] * rate
            p -= xp.multiply(gradient, rate, out=work)
            if weight == 1:
                average[:] = p
            else:
                xp.subtract(p, average, out=work)
                average += xp.multiply(work, weight, out=work)
        state["eta"] = self.scalar(start / (1 + group["lambd"] * start * step) ** group["alpha"])
        state["mu"] = self.scalar(1 / max(1, step - group["t0"]))
