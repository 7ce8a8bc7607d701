"""Max pooling layers, and those that put the maxima back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinyconv.core.arrays import Sizes
from tinyconv.nn.module import Module
from tinyconv.ops import pooling
from tinyconv.ops.pooling.windows import numbers, window
from tinyconv.ops.tensor import Tensor


class _MaxPool(Module):
    """Base: the window's numbers, checked at once."""

    function: ClassVar[Callable[..., Any]]
    directions: ClassVar[int]

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        window(type(self).__name__, self.directions, kernel_size, self.stride, padding, dilation)

    def forward(self, input: Tensor) -> Any:
        return type(self).function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest element of each window of a sequence.

    ``stride``: the kernel size by default. ``padding``: with -inf, at most half the window. ``dilation``: the step
    between the elements that a window sees. ``ceil_mode``: a last window may hang over the end. With
    ``return_indices`` the result is (output, indices), as ``MaxUnpool1d`` takes them.

    Shape: input (N, C, L) or (C, L); result (N, C, L') with
        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or padding of more than half a window; in the call ``ShapeError`` for
        a window larger than the padded input.

    >>> nn.MaxPool1d(3, stride=1)(tc.tensor([[1.0, 5.0, 2.0, 3.0, 1.0]]))
    tensor([[5., 5., 3.]])
    """

    function, directions = pooling.max_pool1d, 1


class MaxPool2d(_MaxPool):
    """The largest pixel of each window.

    ``stride``: the kernel size by default. ``padding``: with -inf, at most half the window. ``dilation``: the step
    between the pixels that a window sees. ``ceil_mode``: a last window may hang over the end. With ``return_indices``
    the result is (output, indices), the indices flat in H·W, as ``MaxUnpool2d`` takes them.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W') with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or padding of more than half a window; in the call ``ShapeError`` for
        a window larger than the padded input.

    >>> nn.MaxPool2d(2)(tc.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    function, directions = pooling.max_pool2d, 2


class MaxPool3d(_MaxPool):
    """The largest voxel of each window.

    ``stride``: the kernel size by default. ``padding``: with -inf, at most half the window. ``dilation``: the step
    between the voxels that a window sees. ``ceil_mode``: a last window may hang over the end. With ``return_indices``
    the result is (output, indices), the indices flat in D·H·W, as ``MaxUnpool3d`` takes them.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W') with
        D' = floor((D + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, ceil with ``ceil_mode``.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1 or padding of more than half a window; in the call ``ShapeError`` for
        a window larger than the padded input.

    >>> nn.MaxPool3d(2)(tc.arange(16.0).reshape(1, 2, 2, 4))
    tensor([[[[13., 15.]]]])
    """

    function, directions = pooling.max_pool3d, 3


class _MaxUnpool(Module):
    """Base: the window of the pooling to undo."""

    function: ClassVar[Callable[..., Tensor]]
    directions: ClassVar[int]

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
    ) -> None:
        super().__init__()
        self.kernel_size = self._numbers("kernel_size", kernel_size, least=1)
        self.stride = self.kernel_size if stride is None else self._numbers("stride", stride, least=1)
        self.padding = self._numbers("padding", padding, least=0)

    def _numbers(self, argument: str, value: Any, least: int) -> tuple[int, ...]:
        found: Sizes = numbers(type(self).__name__, argument, value, self.directions, least)
        return found[-self.directions :]

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return type(self).function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The maxima of ``MaxPool1d`` put back where they were, zeros between them.

    ``kernel_size``, ``stride``, ``padding``: those of the pooling. Called with its output and indices, and with
    ``output_size`` where several lengths pool to the same one.

    Shape: input and indices (N, C, L') or (C, L'); result (N, C, L) with L = (L' - 1) stride - 2 padding + kernel_size.
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1; in the call ``ShapeError`` for indices of another shape or beyond the
        result.

    >>> values, places = nn.MaxPool1d(2, return_indices=True)(tc.tensor([[1.0, 5.0, 7.0, 3.0]]))
    >>> nn.MaxUnpool1d(2)(values, places)
    tensor([[0., 5., 7., 0.]])
    """

    function, directions = pooling.max_unpool1d, 1


class MaxUnpool2d(_MaxUnpool):
    """The maxima of ``MaxPool2d`` put back where they were, zeros between them.

    ``kernel_size``, ``stride``, ``padding``: those of the pooling. Called with its output and indices, and with
    ``output_size`` where several sizes pool to the same one.

    Shape: input and indices (N, C, H', W') or (C, H', W'); result (N, C, H, W) with
        H = (H' - 1) stride - 2 padding + kernel_size.
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1; in the call ``ShapeError`` for indices of another shape or beyond the
        result.
    Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 2.1 (switches).

    >>> values, places = nn.MaxPool2d(2, return_indices=True)(tc.arange(4.0).reshape(1, 2, 2))
    >>> nn.MaxUnpool2d(2)(values, places)
    tensor([[[0., 0.],
             [0., 3.]]])
    """

    function, directions = pooling.max_unpool2d, 2


class MaxUnpool3d(_MaxUnpool):
    """The maxima of ``MaxPool3d`` put back where they were, zeros between them.

    ``kernel_size``, ``stride``, ``padding``: those of the pooling. Called with its output and indices, and with
    ``output_size`` where several sizes pool to the same one.

    Shape: input and indices (N, C, D', H', W') or (C, D', H', W'); result (N, C, D, H, W) with
        D = (D' - 1) stride - 2 padding + kernel_size.
    Dtype: input float32 or float64, indices int64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1; in the call ``ShapeError`` for indices of another shape or beyond the
        result.

    >>> values, places = nn.MaxPool3d((1, 2, 2), return_indices=True)(tc.arange(4.0).reshape(1, 1, 2, 2))
    >>> nn.MaxUnpool3d((1, 2, 2))(values, places)
    tensor([[[[0., 0.],
              [0., 3.]]]])
    """

    function, directions = pooling.max_unpool3d, 3
