"""Padding layers: margins around signals and images (those around volumes: ``volume_padding``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyconv.core.errors import ArgumentError
from tinyconv.core.geometry import sizes
from tinyconv.nn.module import Module
from tinyconv.ops.resizing.padding import pad
from tinyconv.ops.tensor import Tensor

Margins1d = int | tuple[int, int]
Margins2d = int | tuple[int, int, int, int]


class PaddingLayer(Module):
    """What all padding layers hold: how many elements are added, (before, after), the last dimension first."""

    rank: ClassVar[int]
    """The number of dimensions that are padded."""
    mode: ClassVar[str]

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        super().__init__()
        layer, count = type(self).__name__, 2 * self.rank
        order = f"({', '.join(('left', 'right', 'top', 'bottom', 'front', 'back')[:count])})"
        if not isinstance(padding, int) and (not isinstance(padding, Sequence) or len(padding) != count):
            raise ArgumentError(f"{layer}: padding must be an int, or {count} ints {order}, got {padding!r}")
        self.padding = sizes(padding, f"{layer}: padding", count)

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantLayer(PaddingLayer):
    """Margins that hold one number."""

    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(PaddingLayer):
    """Zeros before and after signals.

    ``padding``: an int for all sides, or (left, right); negative numbers take elements away.

    Shape: any, of at least one dimension; the last becomes L' = left + L + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ZeroPad1d((1, 2))(tc.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 1., 2., 3., 0., 0.]])
    """

    rank = 1
    mode = "constant"

    def __init__(self, padding: Margins1d) -> None:
        super().__init__(padding)


class ZeroPad2d(PaddingLayer):
    """Zeros around images.

    ``padding``: an int for all sides, or (left, right, top, bottom); negative numbers take elements away.

    Shape: any, of at least two dimensions; the last two become H' = top + H + bottom,
        W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ZeroPad2d((1, 0, 0, 1))(tc.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[0., 1., 2.],
             [0., 3., 4.],
             [0., 0., 0.]]])
    """

    rank = 2
    mode = "constant"

    def __init__(self, padding: Margins2d) -> None:
        super().__init__(padding)


class ConstantPad1d(ConstantLayer):
    """A number before and after signals.

    ``padding``: an int for all sides, or (left, right); negative numbers take elements away.
    ``value``: what the margins hold.

    Shape: any, of at least one dimension; the last becomes L' = left + L + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ConstantPad1d((0, 2), 9.0)(tc.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 2., 3., 9., 9.]])
    """

    rank = 1

    def __init__(self, padding: Margins1d, value: float) -> None:
        super().__init__(padding, value)


class ConstantPad2d(ConstantLayer):
    """A number around images.

    ``padding``: an int for all sides, or (left, right, top, bottom); negative numbers take elements away.
    ``value``: what the margins hold.

    Shape: any, of at least two dimensions; the last two become H' = top + H + bottom,
        W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ConstantPad2d((1, 0, 0, 1), 9.0)(tc.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[9., 1., 2.],
             [9., 3., 4.],
             [9., 9., 9.]]])
    """

    rank = 2

    def __init__(self, padding: Margins2d, value: float) -> None:
        super().__init__(padding, value)


class ReflectionPad1d(PaddingLayer):
    """Signals mirrored at their outermost elements, which are not repeated.

    ``padding``: an int for all sides, or (left, right); negative numbers take elements away.

    Shape: input (N, C, L) or (C, L); result the same with L' = left + L + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins not smaller than the input.

    >>> nn.ReflectionPad1d(2)(tc.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    rank = 1
    mode = "reflect"

    def __init__(self, padding: Margins1d) -> None:
        super().__init__(padding)


class ReflectionPad2d(PaddingLayer):
    """Images mirrored at their outermost pixels, which are not repeated.

    ``padding``: an int for all sides, or (left, right, top, bottom); negative numbers take elements away.

    Shape: input (N, C, H, W) or (C, H, W); result the same with H' = top + H + bottom,
        W' = left + W + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins not smaller than the input.

    >>> nn.ReflectionPad2d((1, 0, 0, 1))(tc.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    rank = 2
    mode = "reflect"

    def __init__(self, padding: Margins2d) -> None:
        super().__init__(padding)


class ReplicationPad1d(PaddingLayer):
    """Signals whose outermost elements are repeated.

    ``padding``: an int for all sides, or (left, right); negative numbers take elements away.

    Shape: input (N, C, L) or (C, L); result the same with L' = left + L + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ReplicationPad1d((1, 2))(tc.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 2., 3., 3., 3.]])
    """

    rank = 1
    mode = "replicate"

    def __init__(self, padding: Margins1d) -> None:
        super().__init__(padding)


class ReplicationPad2d(PaddingLayer):
    """Images whose outermost pixels are repeated.

    ``padding``: an int for all sides, or (left, right, top, bottom); negative numbers take elements away.

    Shape: input (N, C, H, W) or (C, H, W); result the same with H' = top + H + bottom,
        W' = left + W + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ReplicationPad2d((1, 0, 0, 1))(tc.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[1., 1., 2.],
             [3., 3., 4.],
             [3., 3., 4.]]])
    """

    rank = 2
    mode = "replicate"

    def __init__(self, padding: Margins2d) -> None:
        super().__init__(padding)


class CircularPad1d(PaddingLayer):
    """Signals that go on with their opposite end, as if they were rings.

    ``padding``: an int for all sides, or (left, right); negative numbers take elements away.

    Shape: input (N, C, L) or (C, L); result the same with L' = left + L + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins larger than the input.

    >>> nn.CircularPad1d((1, 2))(tc.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1., 2.]])
    """

    rank = 1
    mode = "circular"

    def __init__(self, padding: Margins1d) -> None:
        super().__init__(padding)


class CircularPad2d(PaddingLayer):
    """Images that go on with their opposite side, as if they tiled the plane.

    ``padding``: an int for all sides, or (left, right, top, bottom); negative numbers take elements away.

    Shape: input (N, C, H, W) or (C, H, W); result the same with H' = top + H + bottom,
        W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins larger than the input.

    >>> nn.CircularPad2d((1, 0, 0, 1))(tc.tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[[2., 1., 2.],
             [4., 3., 4.],
             [2., 1., 2.]]])
    """

    rank = 2
    mode = "circular"

    def __init__(self, padding: Margins2d) -> None:
        super().__init__(padding)
