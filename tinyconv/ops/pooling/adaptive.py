"""Adaptive pooling: a given number of windows that together cover the map, whatever its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.core.arrays import Sizes
from tinyconv.core.errors import ArgumentError
from tinyconv.core.windows import VolumeWindows, Windows, adaptive_volume_windows, adaptive_windows
from tinyconv.ops.pooling.maximum import MaxOfWindows, pooled
from tinyconv.ops.pooling.windows import Pooling, map_size, numbers, on_maps

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class AdaptiveAvgPool(Pooling):
    """y[n,c,i,j] = the mean of x[n,c] over rows floor(i H / H') to ceil((i+1) H / H') - 1, columns likewise."""

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Any:
        images = self.images(x)
        return self.maps(self.kernel("adaptive_avg_pool")(images, self.output_size))

    def backward(self, dy: Tensor) -> Any:
        return AdaptiveAvgPoolGradient(self.input_size).apply(dy)


class AdaptiveAvgPoolGradient(Pooling):
    """dx spreads each dy[n,c,i,j] evenly over its window. Its derivative is the pooling."""

    kind = ""

    def __init__(self, input_size: Sizes) -> None:
        self.pooled_size = input_size

    def forward(self, dy: Any) -> Any:
        images = self.images(dy)
        return self.maps(self.kernel("adaptive_avg_pool", "_gradient")(images, self.pooled_size))

    def backward(self, cotangent: Tensor) -> Any:
        return AdaptiveAvgPool(self.input_size).apply(cotangent)


class AdaptiveMaxPool(MaxOfWindows):
    """The maximum of the windows of ``AdaptiveAvgPool``."""

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def windows(self, size: Sizes) -> Windows | VolumeWindows:
        share: Any = adaptive_volume_windows if len(size) == 3 else adaptive_windows
        found: Windows | VolumeWindows = share(size, self.output_size)
        return found


def adaptive_avg_pool1d(input: Tensor, output_size: int | tuple[int]) -> Tensor:
    """The means of ``output_size`` windows that share a sequence out between them.

    Window i reaches from floor(i L / L') to ceil((i + 1) L / L'): neighbours overlap where L' does not divide L.

    Shape: input (N, C, L) or (C, L); result (N, C, output_size).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without elements; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.

    >>> F.adaptive_avg_pool1d(tc.tensor([[1.0, 3.0, 5.0]]), 2)
    tensor([[2., 4.]])
    """
    result: Tensor = _adaptive_pool("adaptive_avg_pool1d", 1, _averages, input, output_size)
    return result


def adaptive_avg_pool2d(input: Tensor, output_size: int | tuple[int | None, int | None] | None) -> Tensor:
    """The means of H' x W' windows that share an image out between them.

    ``output_size``: H' and W', one number for both; ``None`` keeps the input's. Window i reaches from floor(i H / H')
    to ceil((i + 1) H / H'): neighbours overlap where H' does not divide H. One window is global pooling.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without pixels; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.
    Source: Lin, Chen & Yan, "Network In Network", 2014, section 3.2 (global average pooling).

    >>> F.adaptive_avg_pool2d(tc.arange(12.0).reshape(1, 3, 4), (1, 2)).tolist()
    [[[4.5, 6.5]]]
    """
    result: Tensor = _adaptive_pool("adaptive_avg_pool2d", 2, _averages, input, output_size)
    return result


def adaptive_max_pool1d(input: Tensor, output_size: int | tuple[int], return_indices: bool = False) -> Any:
    """The maxima of ``output_size`` windows that share a sequence out between them.

    Windows as in ``adaptive_avg_pool1d``. ``return_indices``: also the winners' positions (int64).

    Shape: input (N, C, L) or (C, L); result (N, C, output_size).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without elements; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.

    >>> F.adaptive_max_pool1d(tc.tensor([[1.0, 3.0, 2.0]]), 2, return_indices=True)
    (tensor([[3., 3.]]), tensor([[1, 1]]))
    """
    return _adaptive_pool("adaptive_max_pool1d", 1, _maxima(return_indices), input, output_size)


def adaptive_max_pool2d(
    input: Tensor, output_size: int | tuple[int | None, int | None] | None, return_indices: bool = False
) -> Any:
    """The maxima of H' x W' windows that share an image out between them.

    ``output_size`` and windows as in ``adaptive_avg_pool2d``. ``return_indices``: also the winners' positions (int64),
    counted row by row within each channel.

    Shape: input (N, C, H, W) or (C, H, W); result (N, C, H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without pixels; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.

    >>> F.adaptive_max_pool2d(tc.arange(12.0).reshape(1, 3, 4), (None, 2))
    tensor([[[ 1.,  3.],
             [ 5.,  7.],
             [ 9., 11.]]])
    """
    return _adaptive_pool("adaptive_max_pool2d", 2, _maxima(return_indices), input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: int | tuple[int | None, int | None, int | None] | None) -> Tensor:
    """The means of D' x H' x W' windows that share a volume out between them.

    ``output_size``: D', H' and W', one number for all; ``None`` keeps the input's. Windows as in
    ``adaptive_avg_pool2d``.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without pixels; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.

    >>> F.adaptive_avg_pool3d(tc.arange(12.0).reshape(1, 2, 2, 3), (2, 1, 1)).flatten().tolist()
    [2.5, 8.5]
    """
    result: Tensor = _adaptive_pool("adaptive_avg_pool3d", 3, _averages, input, output_size)
    return result


def adaptive_max_pool3d(
    input: Tensor,
    output_size: int | tuple[int | None, int | None, int | None] | None,
    return_indices: bool = False,
) -> Any:
    """The maxima of D' x H' x W' windows that share a volume out between them.

    ``output_size`` and windows as in ``adaptive_avg_pool3d``. ``return_indices``: also the winners' positions (int64),
    counted plane by plane and row by row within each channel.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, C, D', H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for an input without pixels; ``ArgumentError`` for fewer windows than 1; ``DTypeError``.

    >>> F.adaptive_max_pool3d(tc.arange(12.0).reshape(1, 2, 2, 3), (2, 1, 1)).flatten().tolist()
    [5.0, 11.0]
    """
    return _adaptive_pool("adaptive_max_pool3d", 3, _maxima(return_indices), input, output_size)


def _averages(maps: Tensor, output_size: Sizes) -> Any:
    return AdaptiveAvgPool(output_size).apply(maps)


def _maxima(return_indices: bool) -> Callable[[Tensor, Sizes], Any]:
    return lambda maps, output_size: pooled(AdaptiveMaxPool(output_size), maps, return_indices)


def _adaptive_pool(
    name: str, directions: int, pool_to: Callable[[Tensor, Sizes], Any], input: Tensor, output_size: Any
) -> Any:
    given = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,) * directions
    if len(given) != directions:
        what = {1: "a number", 2: "a number or a pair", 3: "a number or three"}[directions]
        raise ArgumentError(f"{name}: output_size is {what}, got {output_size!r}")
    if directions == 1 and given[0] is None:
        raise ArgumentError(f"{name}: output_size is a number, got None")

    def pool(maps: Tensor) -> Any:
        size = map_size(maps, directions)
        wanted = [own if number is None else number for number, own in zip(given, size[-directions:], strict=True)]
        return pool_to(maps, numbers(name, "output_size", wanted, directions, least=1))

    return on_maps(name, directions, input, pool)
