"""Zeros around images, and their removal: each is the other's derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Margins = tuple[int, int, int, int]
"""How many pixels are added at the (left, right, top, bottom), PyTorch's order."""


class ZeroPad2d(Operation):
    """y[n,c,i,j] = x[n,c,i-top,j-left] inside, 0 in the margins;  dx crops dy."""

    def __init__(self, margins: Margins) -> None:
        self.margins = margins

    def forward(self, x: Any) -> Any:
        left, right, top, bottom = self.margins
        n, c, h, w = x.shape
        result = layout.zeros((n, c, top + h + bottom, left + w + right), x.dtype, self.xp)
        result[:, :, top : top + h, left : left + w] = x
        return result

    def backward(self, dy: Tensor) -> Any:
        return Crop2d(self.margins).apply(dy)


class Crop2d(Operation):
    """y[n,c,i,j] = x[n,c,i+top,j+left], without the margins;  dx pads dy with zeros."""

    def __init__(self, margins: Margins) -> None:
        self.margins = margins

    def forward(self, x: Any) -> Any:
        left, right, top, bottom = self.margins
        h, w = x.shape[2:]
        return layout.copy(x[:, :, top : h - bottom, left : w - right], self.xp)

    def backward(self, dy: Tensor) -> Any:
        return ZeroPad2d(self.margins).apply(dy)


def zero_pad2d(input: Tensor, margins: Margins) -> Tensor:
    """Images (N, C, H, W) with zeros added at the (left, right, top, bottom)."""
    return ZeroPad2d(margins).apply(input) if any(margins) else input
