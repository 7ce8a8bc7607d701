"""Padding layers of volumes."""

from __future__ import annotations

from tinyconv.nn.padding import ConstantLayer, PaddingLayer

Margins3d = int | tuple[int, int, int, int, int, int]


class ZeroPad3d(PaddingLayer):
    """Zeros around volumes.

    ``padding``: an int for all sides, or (left, right, top, bottom, front, back); negative numbers take elements away.

    Shape: any, of at least three dimensions; the last three become D' = front + D + back,
        H' = top + H + bottom, W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ZeroPad3d((1, 0, 0, 0, 0, 1))(tc.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[0.0, 1.0, 2.0]], [[0.0, 0.0, 0.0]]]]
    """

    rank = 3
    mode = "constant"

    def __init__(self, padding: Margins3d) -> None:
        super().__init__(padding)


class ConstantPad3d(ConstantLayer):
    """A number around volumes.

    ``padding``: an int for all sides, or (left, right, top, bottom, front, back); negative numbers take elements away.
    ``value``: what the margins hold.

    Shape: any, of at least three dimensions; the last three become D' = front + D + back,
        H' = top + H + bottom, W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ConstantPad3d((1, 0, 0, 0, 0, 1), 9.0)(tc.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[9.0, 1.0, 2.0]], [[9.0, 9.0, 9.0]]]]
    """

    rank = 3

    def __init__(self, padding: Margins3d, value: float) -> None:
        super().__init__(padding, value)


class ReflectionPad3d(PaddingLayer):
    """Volumes mirrored at their outermost voxels, which are not repeated.

    ``padding``: an int for all sides, or (left, right, top, bottom, front, back); negative numbers take elements away.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result the same with D' = front + D + back,
        H' = top + H + bottom, W' = left + W + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins not smaller than the input.

    >>> nn.ReflectionPad3d((1, 0, 0, 0, 0, 1))(tc.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist()
    [[[[2.0, 1.0, 2.0]], [[4.0, 3.0, 4.0]], [[2.0, 1.0, 2.0]]]]
    """

    rank = 3
    mode = "reflect"

    def __init__(self, padding: Margins3d) -> None:
        super().__init__(padding)


class ReplicationPad3d(PaddingLayer):
    """Volumes whose outermost voxels are repeated.

    ``padding``: an int for all sides, or (left, right, top, bottom, front, back); negative numbers take elements away.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result the same with D' = front + D + back,
        H' = top + H + bottom, W' = left + W + right.
    Dtype: any but bool; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins that take away more than there is.

    >>> nn.ReplicationPad3d((1, 0, 0, 0, 0, 1))(tc.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist()
    [[[[1.0, 1.0, 2.0]], [[3.0, 3.0, 4.0]], [[3.0, 3.0, 4.0]]]]
    """

    rank = 3
    mode = "replicate"

    def __init__(self, padding: Margins3d) -> None:
        super().__init__(padding)


class CircularPad3d(PaddingLayer):
    """Volumes that go on with their opposite side, as if they tiled space.

    ``padding``: an int for all sides, or (left, right, top, bottom, front, back); negative numbers take elements away.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result the same with D' = front + D + back,
        H' = top + H + bottom, W' = left + W + right.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for another number of margins; on a call ``ShapeError`` for
        margins larger than the input.

    >>> nn.CircularPad3d((1, 0, 0, 0, 0, 1))(tc.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])).tolist()
    [[[[2.0, 1.0, 2.0]], [[4.0, 3.0, 4.0]], [[2.0, 1.0, 2.0]]]]
    """

    rank = 3
    mode = "circular"

    def __init__(self, padding: Margins3d) -> None:
        super().__init__(padding)
