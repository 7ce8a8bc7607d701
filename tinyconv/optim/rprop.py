"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks
from tinyconv.optim.optimizer import Optimizer


class Rprop(Optimizer):
    """Steps by the sign of the gradient alone, for whole batches: each weight has a step length of its own.

    With gradient g (−g to ``maximize``) and the last one g′, for each weight:

        Δ = Δ η⁺   where g g′ > 0,   Δ = Δ η⁻ and g = 0   where g g′ < 0,   kept within ``step_sizes``
        p = p − sign(g) Δ

    ``lr``: the first Δ. ``etas``: (η⁻, η⁺).

    Dtype: float32 or float64; the state has the parameter's.
    Raises: ``ArgumentError`` for a negative learning rate, or unless 0 < η⁻ < 1 < η⁺.
    Source: Riedmiller & Braun, ICNN 1993.

    >>> weight = nn.Parameter(tc.tensor([1.0]))
    >>> optimizer = optim.Rprop([weight], lr=0.1)
    >>> for _ in range(2):
    ...     weight.grad = tc.tensor([123.0])
    ...     optimizer.step()  # by 0.1, then by 0.1 · 1.2
    >>> [round(value, 4) for value in weight.tolist()]
    [0.78]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        self.refuse(capturable=capturable, foreach=foreach, differentiable=differentiable)
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr")
        etas = group["etas"]
        if len(etas) != 2 or not 0 < etas[0] < 1 < etas[1]:
            raise ArgumentError(f"Rprop: etas must be two numbers, one in (0, 1) and one above 1, got {etas!r}")

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state.update(
                step=self.scalar(0),
                prev=self.zeros_like(parameter),
                step_size=self.full_like(parameter, float(group["lr"])),
            )
        self.next_step(state)
        shrink, grow = group["etas"]
        least, most = group["step_sizes"]
        xp = array_module(parameter.device)
        for p, gradient, previous, length in blocks(parameter, parameter.grad, state["prev"], state["step_size"]):
            _, work = self.scratch.like(parameter, p.size)
            sign = -1 if group["maximize"] else 1
            xp.multiply(gradient, previous, out=work)
            work *= sign  # the product of this gradient and the last, both as they go down
            turned = work < 0
            length *= xp.where(work > 0, grow, xp.where(turned, shrink, 1.0)).astype(length.dtype)
            xp.copyto(length, float("nan"), where=xp.isnan(work))
            xp.clip(length, least, most, out=length)
            xp.multiply(gradient, sign, out=previous)
            xp.copyto(previous, 0, where=turned)
            xp.sign(previous, out=work)
            p -= xp.multiply(work, length, out=work)
