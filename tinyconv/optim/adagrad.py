"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    With gradient g (−g to ``maximize``), learning rate η, its decay κ, weight decay λ and step number t:

        g = g + λ p
        s = s + g²               (s begins at ``initial_accumulator_value``)
        p = p − η / (1 + (t − 1) κ) · g / (√s + ε)

    Dtype: float32 or float64; the sum has the parameter's.
    Raises: ``ArgumentError`` for a negative number.
    Source: Duchi, Hazan & Singer, JMLR 12, 2011.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.Adagrad([weight], lr=0.1)
    >>> for _ in range(2):
    ...     weight.grad = tc.ones(2)
    ...     optimizer.step()  # by 0.1, then by 0.1 / √2
    >>> [round(value, 4) for value in weight.tolist()]
    [0.8293, -2.1707]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        self.refuse(foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                self._begin(parameter)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")

    def _begin(self, parameter: Tensor) -> None:
        start = self.defaults["initial_accumulator_value"]  # the constructor's for all groups, as in PyTorch
        self.state[parameter].update(step=self.scalar(0), sum=self.full_like(parameter, start))

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        if not self.state[parameter]:  # of a group that was added later
            self._begin(parameter)
        state = self.state[parameter]
        step = self.next_step(state)
        rate = float(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        xp = array_module(parameter.device)
        for p, gradient, sum_ in blocks(parameter, parameter.grad, state["sum"]):
            own, work = self.scratch.like(parameter, p.size)
            gradient = descent(xp, p, gradient, group, own, work)
            sum_ += xp.multiply(gradient, gradient, out=work)
            xp.sqrt(sum_, out=work)
            work += group["eps"]
            xp.divide(gradient, work, out=work)
            p -= xp.multiply(work, rate, out=work)
