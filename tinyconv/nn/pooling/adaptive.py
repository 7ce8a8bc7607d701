"""Adaptive pooling layers: as many windows as asked for, whatever the size of the input."""

from __future__ import annotations

from typing import Any, ClassVar

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module
from tinyconv.ops import pooling
from tinyconv.ops.tensor import Tensor

Sizes = int | tuple[int | None, int | None] | None
Sizes3d = int | tuple[int | None, int | None, int | None] | None


class _Adaptive(Module):
    """Base: the numbers of windows, checked at once."""

    directions: ClassVar[int]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        given = output_size if isinstance(output_size, tuple | list) else (output_size,) * self.directions
        if len(given) != self.directions:
            raise ArgumentError(
                f"{type(self).__name__}: output_size is one number for each of {self.directions} directions, or one "
                f"for all, got {output_size!r}"
            )
        for size in given:
            if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
                raise ArgumentError(f"{type(self).__name__}: output_size must be at least 1, got {output_size!r}")
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """The means of ``output_size`` windows that share a sequence out between them.

    Shape: input (N, C, L) or (C, L); result (N, C, output_size).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without elements.

    >>> nn.AdaptiveAvgPool1d(2)(tc.tensor([[1.0, 3.0, 5.0]]))
    tensor([[2., 4.]])
    """

    directions = 1

    def __init__(self, output_size: int | tuple[int]) -> None:
        super().__init__(output_size)

    def forward(self, input: Tensor) -> Tensor:
        return pooling.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """The means of H' x W' windows that share an image out between them; one window is global pooling.

    ``output_size``: H' and W', one number for both; ``None`` keeps the input's.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without pixels.
    Source: Lin, Chen & Yan, "Network In Network", 2014, section 3.2 (global average pooling).

    >>> nn.AdaptiveAvgPool2d(1)(tc.arange(12.0).reshape(1, 3, 4)).tolist()
    [[[5.5]]]
    """

    directions = 2

    def __init__(self, output_size: Sizes) -> None:
        super().__init__(output_size)

    def forward(self, input: Tensor) -> Tensor:
        return pooling.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool1d(_Adaptive):
    """The maxima of ``output_size`` windows that share a sequence out between them.

    With ``return_indices`` the result is (output, indices).

    Shape: input (N, C, L) or (C, L); result (N, C, output_size).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without elements.

    >>> nn.AdaptiveMaxPool1d(2)(tc.tensor([[1.0, 3.0, 5.0]]))
    tensor([[3., 5.]])
    """

    directions = 1

    def __init__(self, output_size: int | tuple[int], return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return pooling.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_Adaptive):
    """The maxima of H' x W' windows that share an image out between them.

    ``output_size``: H' and W', one number for both; ``None`` keeps the input's. With ``return_indices`` the result is
    (output, indices), the indices flat in H·W.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without pixels.

    >>> nn.AdaptiveMaxPool2d((1, None))(tc.arange(12.0).reshape(1, 3, 4))
    tensor([[[ 8.,  9., 10., 11.]]])
    """

    directions = 2

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return pooling.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveAvgPool3d(_Adaptive):
    """The means of D' x H' x W' windows that share a volume out between them; one window is global pooling.

    ``output_size``: D', H' and W', one number for all; ``None`` keeps the input's.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without pixels.

    >>> nn.AdaptiveAvgPool3d(1)(tc.arange(12.0).reshape(1, 2, 2, 3)).tolist()
    [[[[5.5]]]]
    """

    directions = 3

    def __init__(self, output_size: Sizes3d) -> None:
        super().__init__(output_size)

    def forward(self, input: Tensor) -> Tensor:
        return pooling.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool3d(_Adaptive):
    """The maxima of D' x H' x W' windows that share a volume out between them.

    ``output_size``: D', H' and W', one number for all; ``None`` keeps the input's. With ``return_indices`` the result
    is (output, indices), the indices flat in D·H·W.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for fewer windows than 1; in the call ``ShapeError`` for an input without pixels.

    >>> nn.AdaptiveMaxPool3d((1, 1, None))(tc.arange(12.0).reshape(1, 2, 2, 3))
    tensor([[[[ 9., 10., 11.]]]])
    """

    directions = 3

    def __init__(self, output_size: Sizes3d, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return pooling.adaptive_max_pool3d(input, self.output_size, self.return_indices)
