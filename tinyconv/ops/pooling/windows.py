"""What every pooling checks and needs first: its window, maps with one or two directions, one map without a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.geometry import output_size, pair, window_extent
from tinyconv.ops.images import on_batch_of_one, require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

BATCHES = {1: "(N, C, L)", 2: "(N, C, H, W)"}
SINGLES = {1: "(C, L)", 2: "(C, H, W)"}


class Pooling(Operation):
    """Base of the operations on maps with one or two directions, named after them: MaxPool1d, MaxPool2d."""

    kind = "pool"
    directions = 2

    @property
    def name(self) -> str:
        return f"{type(self).__name__}{self.directions}d"

    def images(self, x: Any) -> Any:
        """x as the kernels take it, (N, C, H, W): a map with one direction has one row. Notes the size of x."""
        self.directions = x.ndim - 2
        images = x[:, :, None] if x.ndim == 3 else x
        self.input_size: Pair = images.shape[2:]
        return images

    def maps(self, images: Array) -> Array:
        """The kernels' result in as many directions as x has."""
        return images[:, :, 0] if self.directions == 1 else images


@dataclass(frozen=True)
class Window:
    """The window of a pooling, checked: pairs (vertical, horizontal), where a map with one direction has one row."""

    name: str
    directions: int
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    ceil_mode: bool

    def shown(self, value: Pair) -> Any:
        """A pair as the caller gave it: one number where there is one direction."""
        return value if self.directions == 2 else value[1]

    def check_fits(self, size: Pair) -> None:
        """Raise ``ShapeError`` where the window is larger than the padded map."""
        axes = zip(size, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        if min(output_size(*axis, self.ceil_mode) for axis in axes) >= 1:
            return
        extent = (
            window_extent(self.kernel_size[0], self.dilation[0]),
            window_extent(self.kernel_size[1], self.dilation[1]),
        )
        padded = size[0] + 2 * self.padding[0], size[1] + 2 * self.padding[1]
        what = "(H, W)" if self.directions == 2 else "L"
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
    if any(2 * margins[axis] > window_extent(kernel[axis], gaps[axis]) for axis in (0, 1)):
        raise ArgumentError(
            f"{name}: padding must be at most half the window, or a window would see padding only: padding "
            f"{result.shown(margins)}, kernel_size {result.shown(kernel)}, dilation {result.shown(gaps)}"
        )
    return result


def numbers(name: str, argument: str, value: Any, directions: int, least: int) -> Pair:
    """``value`` (a number, or one for each direction) as a pair; what is missing is what changes nothing."""
    if directions == 2:
        found = pair(value, f"{name}: {argument}")
    else:
        single = tuple(value) if isinstance(value, Iterable) else (value,)
        if len(single) != 1 or isinstance(single[0], Iterable):
            raise ArgumentError(f"{name}: {argument} must be an int, got {value!r}")
        found = (0 if argument == "padding" else 1), pair(single[0], f"{name}: {argument}")[1]
    if min(found[2 - directions :]) < least:
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
            f"{name}: input must be maps of shape {BATCHES[directions]}, or one map {SINGLES[directions]}, got shape "
            f"{tuple(input.shape)}"
        )
    if 0 in input.shape[-directions - 1 :]:
        raise ShapeError(
            f"{name}: input of shape {tuple(input.shape)} has no channels or no pixels; there is nothing to pool"
        )
    if input.ndim == directions + 2:
        return function(input)
    return on_batch_of_one(input, function)


def map_size(input: Tensor, directions: int) -> Pair:
    """(H, W) of a batch of maps; H is 1 where there is one direction."""
    return (input.shape[-2] if directions == 2 else 1), input.shape[-1]
