"""Dropout layers."""

from __future__ import annotations

from tinyconv.nn.arguments import probability
from tinyconv.nn.module import Module
from tinyconv.ops.random import dropout
from tinyconv.ops.tensor import Tensor


class Dropout(Module):
    """In training, zero each element with probability ``p`` and scale the rest by 1 / (1 - p); otherwise the identity.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (JMLR 2014).
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = probability(p, "Dropout: p")
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
