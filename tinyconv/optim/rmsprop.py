"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyconv.core.devices import array_module
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import blocks, descent
from tinyconv.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    With gradient g (−g to ``maximize``), learning rate η, momentum μ and weight decay λ:

        g = g + λ p
        v = α v + (1 − α) g²
        m = m + (1 − α)(g − m)           (centered: √(v − m²) in place of √v)
        p = p − η g / (√v + ε)           (momentum: b = μ b + g / (√v + ε), p = p − η b)

    Dtype: float32 or float64; the means have the parameter's.
    Raises: ``ArgumentError`` for a negative number.
    Source: Tieleman & Hinton, "Neural networks for machine learning", lecture 6.5, 2012; Graves, arXiv:1308.0850, 2013,
        for ``centered``.

    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = optim.RMSprop([weight], lr=0.01)
    >>> weight.square().sum().backward()
    >>> optimizer.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.9, -1.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        self.refuse(capturable=capturable, foreach=foreach, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        self.check_at_least_zero(group, "lr", "momentum", "alpha", "eps", "weight_decay")

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        alpha, momentum, rate = group["alpha"], group["momentum"], float(group["lr"])
        if not state:
            state.update(step=self.scalar(0), square_avg=self.zeros_like(parameter))
        names = ["square_avg", *["momentum_buffer"] * bool(momentum), *["grad_avg"] * bool(group["centered"])]
        for name in names:
            if name not in state:
                state[name] = self.zeros_like(parameter)
        self.next_step(state)
        xp = array_module(parameter.device)
        for p, gradient, mean_square, *others in blocks(parameter, parameter.grad, *(state[name] for name in names)):
            own, work = self.scratch.like(parameter, p.size)
            gradient = descent(xp, p, gradient, group, own, work)
            mean_square *= alpha
            xp.multiply(gradient, gradient, out=work)
            mean_square += xp.multiply(work, 1 - alpha, out=work)
            spread = mean_square
            if group["centered"]:
                mean = others[-1]
                xp.subtract(gradient, mean, out=work)
                mean += xp.multiply(work, 1 - alpha, out=work)
                xp.multiply(mean, mean, out=work)
                spread = xp.subtract(mean_square, work, out=work)
            xp.sqrt(spread, out=work)
            work += group["eps"]
            step = xp.divide(gradient, work, out=work)
            if momentum:
                velocity = others[0]
                velocity *= momentum
                velocity += step
                step = velocity
            p -= xp.multiply(step, rate, out=work)
