"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    With gradient g (−g to ``maximize``), learning rate η, momentum μ, dampening τ and weight decay λ:

        d = g + λ p
        v = μ v + (1 − τ) d      (v = d at the first step)
        p = p − η v              (nesterov: p − η (d + μ v); without momentum: p − η d)

    As in PyTorch, the learning rate multiplies the velocity v, not the gradient inside it.

    Dtype: float32 or float64; the velocity has the parameter's.
    Raises: ``ArgumentError`` for a negative number, and for ``nesterov`` without momentum or with dampening.
    Source: Polyak, 1964; Sutskever et al., ICML 2013, for ``nesterov``.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.SGD([weight], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     weight.square().sum().backward()
    ...     optimizer.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.46, -0.92]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        self.refuse(foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] == 0 or group["dampening"] != 0):
            raise ArgumentError(
                "SGD: nesterov needs a momentum above 0 and dampening 0, got "
                f"momentum={group['momentum']}, dampening={group['dampening']}"
            )

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        rate = float(group["lr"])
        operands = [parameter.grad]
        first = False
        if momentum:
            state = self.state[parameter]
            first = state.get("momentum_buffer") is None
            if first:
                state["momentum_buffer"] = self.zeros_like(parameter)
            operands.append(state["momentum_buffer"])
        for p, gradient, *velocities in blocks(parameter, *operands):
            sum_, product = self.scratch.like(parameter, p.size)
            direction = descent(p, gradient, group, sum_, product)
            for velocity in velocities:  # one, or none without momentum
                if first:
                    velocity[:] = direction
                else:
                    velocity *= momentum
                    velocity += np.multiply(direction, 1 - group["dampening"], out=product)
                if group["nesterov"]:
                    np.multiply(velocity, momentum, out=product)
                    direction = np.add(direction, product, out=sum_)
                else:
                    direction = velocity
            p -= np.multiply(direction, rate, out=product)
