"""What functions of pairs of elements share: broadcasting, forward and backward.

Shapes are aligned at the last dimension and size 1 is repeated; the cotangent of a repeated operand is the sum over
its repetitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.ops.dispatch import broadcast_shape
from tinyconv.ops.shape.shape import reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Operand = Any
"""A tensor or a Python number."""


class Binary(Operation):
    """z = f(x, y), both of one type, broadcast to a common shape."""

    function: ClassVar[str]

    def forward(self, x: Any, y: Any) -> Any:
        self.shapes = x.shape, y.shape
        shape = x.shape if x.shape == y.shape else broadcast_shape(self.name.lower(), x.shape, y.shape)
        result = layout.empty(shape, x.dtype, self.xp)
        # An infinity or NaN is a result like any other, as in PyTorch.
        with np.errstate(all="ignore"):
            self.compute(x, y, result)
        return result

    def compute(self, x: Any, y: Any, result: Any) -> None:
        """Write f(x, y) into ``result``."""
        getattr(self.xp, self.function)(x, y, out=result)

    def to_operands(self, dx: Tensor | None, dy: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Each cotangent summed over the dimensions in which its operand was repeated."""
        return (
            None if dx is None else reduce_to(dx, self.shapes[0]),
            None if dy is None else reduce_to(dy, self.shapes[1]),
        )
