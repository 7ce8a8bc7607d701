"""A row of layers made ready for inputs of one shape, without a tape.

What follows from shapes and weights, such as checks, choices and packed weights, is done once; a call hands arrays from
kernel to kernel. The arrays in between are flat, in the engine's order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Pair
from tinyconv.core.devices import array_module
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import Windows
from tinyconv.ops.dispatch import wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Layer = Callable[[Any], Any]


class PreparedRow:
    """Layers are appended one by one, then the row is called with tensors that are like ``x``.

    ``shape`` is that of the result so far. Joining the dimensions of a map moves nothing: ``maps`` is then their
    (C, H, W), which lie in memory as (H, W, C), and a linear layer takes its weight in that order instead.
    """

    def __init__(self, x: Tensor) -> None:
        self.shape: tuple[int, ...] = x.shape
        self.maps: tuple[int, int, int] | None = None
        self.dtype, self.device = x.array.dtype, x.device
        self.backend = backend(x.device)
        self.layers: list[Layer] = []
        self.small: Any = None
        if len(x.shape) == 4:
            _, channels, height, width = x.shape
            self.small = self.backend.small_network((height, width, channels), self.dtype)

    def conv2d(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: Pair,
        padding: Pair,
        dilation: Pair,
        groups: int,
        relu: bool,
    ) -> None:
        """A convolution of maps, and a rectifier."""
        kernel_size = weight.shape[2:]
        axes = zip(self.shape[2:], kernel_size, stride, padding, dilation, strict=True)
        made = (self.shape[0], weight.shape[0], *(output_size(*axis) for axis in axes))
        geometry = stride, padding, dilation, groups
        parameters = weight.array, None if bias is None else bias.array
        self.layers.append(self.backend.prepared_conv2d(self.shape, made, *parameters, *geometry, relu, weight.memo()))
        if self._stays_small(groups == 1):
            self.small.conv2d(*parameters, stride, padding, dilation, made[2:], relu)
        self.shape = made

    def linear(self, weight: Tensor, bias: Tensor | None, relu: bool) -> None:
        """A linear layer of rows, and a rectifier."""
        numbers, memo = weight.array, weight.memo()
        if self.maps is not None:
            numbers = numbers.reshape(-1, *self.maps).transpose(0, 2, 3, 1).reshape(numbers.shape)
            memo = memo.setdefault(("by pixels", self.maps), {})
        rows, bias_numbers = self.shape[0], None if bias is None else bias.array
        self.layers.append(self.backend.prepared_linear(rows, numbers, bias_numbers, relu, memo))
        if self._stays_small():
            self.small.linear(numbers, bias_numbers, relu)
        self.shape, self.maps = (rows, weight.shape[0]), None

    def max_pool2d(self, windows: Windows) -> None:
        """The maxima of windows of maps."""
        self.layers.append(self.backend.prepared_max_pool2d(self.shape, windows, self.dtype))
        if self._stays_small():
            self.small.max_pool2d(windows)
        self.shape = (*self.shape[:2], len(windows.down), len(windows.across))

    def adaptive_avg_pool2d(self, size: Pair) -> None:
        """The averages of windows of maps."""
        self.layers.append(self.backend.prepared_adaptive_avg_pool2d(self.shape, size))
        self._stays_small(False)
        self.shape = (*self.shape[:2], *size)

    def relu(self) -> None:
        """A rectifier, written over the result so far: not for the first layer."""
        self.layers.append(self.backend.prepared_relu())
        if self._stays_small():
            self.small.relu()

    def _stays_small(self, so_far: bool = True) -> bool:
        """Whether the row is still one that a single kernel should compute."""
        if self.small is not None and not (so_far and self.small.is_small):
            self.small = None
        return self.small is not None

    def finish(self) -> None:
        """There are no more layers."""
        if len(self.layers) > 1 and self._stays_small():
            self.layers = [self.small.prepared(self.shape[0])]
        self.small = None

    def flatten(self) -> None:
        """Maps to rows."""
        images, *self_maps = self.shape
        self.maps = (self_maps[0], self_maps[1], self_maps[2])
        self.shape = (images, self_maps[0] * self_maps[1] * self_maps[2])

    def __call__(self, x: Tensor) -> Tensor:
        array = x.array
        numbers = (layout.nhwc if array.ndim == 4 else layout.writable)(array, array_module(self.device)).reshape(-1)
        for layer in self.layers:
            numbers = layer(numbers)
        return wrap(self._shaped(numbers), self.device)

    def _shaped(self, numbers: Any) -> Any:
        maps = self.shape[1:] if self.maps is None else self.maps
        if len(maps) == 1:
            return numbers.reshape(self.shape)
        channels, height, width = maps
        array = numbers.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
        return array if self.maps is None else array.reshape(self.shape)


def add_relu(x: Tensor, y: Tensor) -> Tensor:
    """max(x + y, 0), written into ``x``."""
    backend(x.device).add_relu(x.array, y.array)
    return x
