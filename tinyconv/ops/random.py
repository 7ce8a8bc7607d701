"""Operations that draw random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout, random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place import overwrite

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Dropout(Operation):
    """y = x keep / (1 - p), with keep 0 or 1 for each element;  dx = dy keep / (1 - p)."""

    kind = "dropout"

    def __init__(self, p: float, keep: Array | None = None) -> None:
        self.p, self.saved = p, keep

    def forward(self, x: Any) -> Any:
        result = layout.empty(x.shape, x.dtype, self.xp)
        if self.saved is None:
            self.saved = self._draw(x.shape)
        self.xp.multiply(x, self.saved, out=result)
        result *= 1 / (1 - self.p) if self.p < 1 else 0.0
        return result

    def _draw(self, shape: tuple[int, ...]) -> Array:
        """Which elements stay. Drawn in memory order into the layout of the input, so that multiplying is one pass."""
        physical = layout.empty(shape, bool, self.xp)
        ordered = physical.transpose(0, 2, 3, 1) if len(shape) == 4 else physical
        numbers = random.default_generator.draw().random(ordered.shape, dtype="float32")
        self.xp.greater_equal(numbers, self.p, out=ordered)
        return physical

    def backward(self, dy: Tensor) -> Any:
        return Dropout(self.p, self.saved).apply(dy)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability ``p`` and scale the others by 1 / (1 - p), so that the mean stays.

    (Srivastava et al., "Dropout", 2014, scaled at training time.) Without ``training`` it returns ``input`` itself.
    ``inplace`` writes into ``input`` and returns it, except that a view in a recorded computation is left as it is and
    the result is a new tensor. Draws follow ``manual_seed``. Raises ``ArgumentError`` for p outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p is a probability in [0, 1], got {p}")
    require_floating("dropout", input=input)
    if not training or p == 0:
        return input
    if inplace:
        return overwrite(Dropout(p), input, name="dropout(inplace=True)")
    result: Tensor = Dropout(p).apply(input)
    return result
