"""What every pooling checks and needs first: its window, maps with one to three directions, one map without a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core.arrays import Array, Sizes
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.geometry import output_size, sizes, window_extent
from tinyconv.core.volumes import rows_of
from tinyconv.ops.images import AXES, on_batch_of_one, require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Pooling(Operation):
    """Base of the operations on maps with one to three directions, named after them: MaxPool1d, MaxPool2d."""

    kind = "pool"
    directions = 2

    @property
    def name(self) -> str:
        return f"{type(self).__name__}{self.directions}d"

    def images(self, x: Any) -> Any:
        """x as the kernels take it, images or volumes: a map with one direction has one row. Notes the size of x."""
        self.directions = x.ndim - 2
        images = x[:, :, None] if x.ndim == 3 else x
        self.input_size: Sizes = images.shape[2:]
        return images

    def maps(self, images: Array) -> Array:
        """The kernels' result in as many directions as x has."""
        return images[:, :, 0] if self.directions == 1 else images

    def kernel(self, pooling: str, part: str = "") -> Any:
        """The backend's function for what ``images`` gave: "max_pool" as max_pool2d, or max_pool3d for volumes."""
        return getattr(backend(self.device), f"{pooling}{max(self.directions, 2)}d{part}")


def one_plane(maps: Array) -> Array:
    """Maps of one to three directions as images whose pixels are counted alike: a row, images, planes as rows."""
    if maps.ndim == 5:
        return rows_of(maps)
    return maps[:, :, None] if maps.ndim == 3 else maps


@dataclass(frozen=True)
class Window:
    """The window of a pooling, checked: (vertical, horizontal), before them the depth if there are three directions.

    A map with one direction has one row.
    """

    name: str
    directions: int
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    ceil_mode: bool

    def shown(self, value: Sizes) -> Any:
        """Numbers as the caller gave them: one where there is one direction."""
        return value[1] if self.directions == 1 else value

    def check_fits(self, size: Sizes) -> None:
        """Raise ``ShapeError`` where the window is larger than the padded map."""
        axes = zip(size, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        if min(output_size(*axis, self.ceil_mode) for axis in axes) >= 1:
            return
        extent = tuple(map(window_extent, self.kernel_size, self.dilation))
        padded = tuple(length + 2 * margin for length, margin in zip(size, self.padding, strict=True))
        what = "L" if self.directions == 1 else f"({AXES[self.directions]})"
        raise ShapeError(
            f"{self.name}: kernel_size {self.shown(self.kernel_size)} with dilation {self.shown(self.dilation)} spans "
            f"dilation (kernel_size - 1) + 1 = {self.shown(extent)} pixels, more than the padded input: {what} + 2 "
            f"padding = {self.shown(size)} + 2 * {self.shown(self.padding)} = {self.shown(padded)}; use larger maps, a "
            "smaller kernel, or more padding"
        )


def window(
    name: str,
    directions: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window that the arguments describe. Raises ``ArgumentError``."""
    kernel = numbers(name, "kernel_size", kernel_size, directions, least=1)
    steps = kernel if stride is None else numbers(name, "stride", stride, directions, least=1)
    margins = numbers(name, "padding", padding, directions, least=0)
    gaps = numbers(name, "dilation", dilation, directions, least=1)
    result = Window(name, directions, kernel, steps, margins, gaps, bool(ceil_mode))
    if any(2 * margin > window_extent(taps, gap) for margin, taps, gap in zip(margins, kernel, gaps, strict=True)):
        raise ArgumentError(
            f"{name}: padding must be at most half the window, or a window would see padding only: padding "
            f"{result.shown(margins)}, kernel_size {result.shown(kernel)}, dilation {result.shown(gaps)}"
        )
    return result


def numbers(name: str, argument: str, value: Any, directions: int, least: int) -> Sizes:
    """``value`` (a number, or one for each direction) as two or three; what is missing is what changes nothing."""
    if directions > 1:
        found = sizes(value, f"{name}: {argument}", directions)
    else:
        single = tuple(value) if isinstance(value, Iterable) else (value,)
        if len(single) != 1 or isinstance(single[0], Iterable):
            raise ArgumentError(f"{name}: {argument} must be an int, got {value!r}")
        found = (0 if argument == "padding" else 1), *sizes(single[0], f"{name}: {argument}", 1)
    if min(found[-directions:]) < least:
        what = "must not be negative" if least == 0 else f"must be at least {least}"
        raise ArgumentError(f"{name}: {argument} {what}, got {value!r}")
    return found


def on_maps(name: str, directions: int, input: Tensor, function: Callable[[Tensor], Any]) -> Any:
    """``function(input)`` for a batch of maps; one map becomes a batch of one on the way.

    Raises ``ShapeError`` for other numbers of dimensions and for maps without pixels or channels, ``DTypeError`` if the
    elements are not floating-point.
    """
    require_floating(name, input=input)
    if input.ndim not in (directions + 1, directions + 2):
        raise ShapeError(
            f"{name}: input must be maps of shape (N, C, {AXES[directions]}), or one map (C, {AXES[directions]}), got "
            f"shape {tuple(input.shape)}"
        )
    if 0 in input.shape[-directions - 1 :]:
        raise ShapeError(
            f"{name}: input of shape {tuple(input.shape)} has no channels or no pixels; there is nothing to pool"
        )
    if input.ndim == directions + 2:
        return function(input)
    return on_batch_of_one(input, function)


def map_size(input: Tensor, directions: int) -> Sizes:
    """(H, W) of a batch of maps, where H is 1 if there is one direction; or (D, H, W)."""
    return (1, input.shape[-1]) if directions == 1 else input.shape[-directions:]
