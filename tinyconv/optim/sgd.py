"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops import updates
from tinyconv.ops.tensor import Tensor
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
        SGD.update_all(self, [parameter], group)

    def update_all(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        velocities: list[tuple[Tensor, ...]] = []
        new = []
        for parameter in parameters:
            share = 1 - group["dampening"]
            if group["momentum"]:
                state = self.state[parameter]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"], share = self.zeros_like(parameter), 1
                velocities.append((state["momentum_buffer"],))
            else:
                velocities.append(())
            new.append(share)
        updates.sgd_step(
            parameters,
            velocities,
            new,
            penalty=float(group["weight_decay"]),
            sign=-1.0 if group["maximize"] else 1.0,
            momentum=float(group["momentum"]),
            nesterov=bool(group["nesterov"]),
            rate=float(group["lr"]),
        )
