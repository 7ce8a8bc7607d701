"""Padding: more pixels around a tensor, or fewer.

Margins of a constant are one operation, whose derivative is itself with the signs of all margins exchanged. Margins
that repeat pixels of the input (reflected, replicated, circular) are a choice of rows, then of columns: which row or
column of the input each one of the result repeats.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from tinyconv.core.geometry import sizes
from tinyconv.ops.dispatch import Number, constant
from tinyconv.ops.resizing.resampling import Resample, Taps

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Margins = tuple[tuple[int, int], ...]
"""(before, after) for each dimension; negative ones take elements away."""


class ConstantPad(Operation):
    """y[i] = x[i - before] inside, ``value`` in the margins;  dx is dy with the opposite margins, of zeros."""

    def __init__(self, margins: Margins, value: Any = 0) -> None:
        self.margins, self.value = margins, value

    def forward(self, x: Any) -> Any:
        shape = tuple(before + size + after for size, (before, after) in zip(x.shape, self.margins, strict=True))
        result = layout.zeros(shape, x.dtype, self.xp)
        if self.value != 0:
            result.fill(self.value)
        kept = [(slice(max(-b, 0), x.shape[d] - max(-a, 0)), slice(max(b, 0), shape[d] - max(a, 0)))
                for d, (b, a) in enumerate(self.margins)]  # fmt: skip
        result[tuple(target for _, target in kept)] = x[tuple(source for source, _ in kept)]
        return result

    def backward(self, dy: Tensor) -> Any:
        return ConstantPad(tuple((-before, -after) for before, after in self.margins)).apply(dy)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """``input`` with margins at the ends of its last dimensions; negative margins take elements away.

    ``pad``: (before, after) of the last dimension, then of the one before it, and so on. ``mode``: what is in the
    margins: ``"constant"`` the number ``value`` (0 by default); ``"reflect"`` the pixels inside, mirrored at the
    outermost one, which is not repeated; ``"replicate"`` the outermost pixel; ``"circular"`` the pixels of the
    opposite end. For these three, ``pad`` is that of one, two or three spatial dimensions, and the input has those,
    its channels, and a batch or none.

    Shape: input any, for a constant; (N, C, L) or (C, L), (N, C, H, W) or (C, H, W), (N, C, D, H, W) or (C, D, H, W)
        otherwise. Result: before + size + after in each dimension that ``pad`` names.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for margins that do not fit the input; ``ArgumentError`` for a ``pad`` that is no list of
        pairs, an unknown ``mode``, or a ``value`` without use; ``DTypeError`` for a ``value`` that the input's type
        does not hold.

    >>> F.pad(tc.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
    tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if not isinstance(input, TensorBase):
        raise DTypeError(f"pad: input must be a tensor, got {type(input).__name__}; see tensor()")
    pairs = _pairs(pad, len(input.shape))
    if mode == "constant":
        return _constant(input, pairs, value)
    if mode not in MODES:
        raise UnsupportedError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if value:
        raise ArgumentError(f"pad: mode={mode!r} repeats pixels of the input, so value={value!r} has no use")
    if input.dtype is dtypes.bool_ and mode != "circular":
        raise DTypeError(f"pad: mode={mode!r} takes numbers, got bool; convert the input with .to(tc.uint8)")
    if len(pairs) not in (1, 2, 3) or len(input.shape) - len(pairs) not in (1, 2):
        raise ShapeError(
            f"pad: mode={mode!r} pads the last 1, 2 or 3 dimensions of an input that has channels and perhaps a batch "
            f"before them: pad {tuple(pad)} names {len(pairs)} dimensions, the input has shape {input.shape}"
        )
    if min(input.shape[-len(pairs) - 1 :]) < 1:
        raise ShapeError(f"pad: input of shape {input.shape} has no pixels to repeat; only the batch may be empty")
    for distance, margins in enumerate(pairs, start=1):
        axis = len(input.shape) - distance
        _check_length(input, axis, margins)
        _check_reach(mode, input, axis, margins)
    for distance, (before, after) in enumerate(pairs, start=1):
        axis = len(input.shape) - distance
        if before or after:
            size = input.shape[axis]
            input = Resample(axis, size, _taps(mode, size, before, after)).apply(input)
    return input.clone() if not any(map(any, pairs)) else input


@functools.lru_cache(maxsize=256)
def _taps(mode: str, size: int, before: int, after: int) -> Taps:
    """Which element each one of the result repeats."""
    return Taps((MODES[mode](size, before, after), None))


def _pairs(pad: Any, dimensions: int) -> Margins:
    """(before, after) of the last dimension first."""
    try:
        numbers = sizes(pad, "pad: pad", len(pad)) if len(pad) else ()
    except TypeError:
        raise ArgumentError(f"pad: pad must be ints, (before, after) for each dimension, got {pad!r}") from None
    if len(numbers) % 2:
        raise ArgumentError(f"pad: pad holds (before, after) for each dimension, so an even number of ints, got {pad}")
    if len(numbers) > 2 * dimensions:
        raise ShapeError(f"pad: {tuple(pad)} names {len(numbers) // 2} dimensions, but the input has {dimensions}")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _constant(input: Tensor, pairs: Margins, value: Any) -> Tensor:
    number: Number = 0 if value is None else value
    if not isinstance(number, bool | int | float):
        raise ArgumentError(f"pad: value must be a number, got {value!r}")
    filler = constant(number, input.dtype, input.device).array[()]
    for distance, margins in enumerate(pairs, start=1):
        _check_length(input, len(input.shape) - distance, margins)
    around = ((0, 0),) * (len(input.shape) - len(pairs)) + pairs[::-1]
    result: Tensor = ConstantPad(around, filler).apply(input)
    return result


def _check_length(input: Tensor, axis: int, margins: tuple[int, int]) -> None:
    size, (before, after) = input.shape[axis], margins
    if before + size + after < 0 or -min(before, 0) > size or -min(after, 0) > size:
        raise ShapeError(
            f"pad: dimension {axis} of input {input.shape} has {size} elements, from which ({before}, {after}) takes "
            f"more than there are: before + size + after = {before + size + after}"
        )


def _check_reach(mode: str, input: Tensor, axis: int, margins: tuple[int, int]) -> None:
    """Reflected pixels lie inside the outermost one, so there is one fewer of them than pixels."""
    size, longest = input.shape[axis], max(margins)
    kept = size + sum(min(margin, 0) for margin in margins)
    if sum(margins) + size < 1 or (mode == "circular" and kept < 1):
        raise ShapeError(f"pad: margins {margins} leave nothing of dimension {axis} of input {input.shape}")
    limit = {"reflect": size - 1, "circular": kept}.get(mode, longest)
    if longest > limit:
        raise ShapeError(
            f"pad: mode={mode!r} can add at most {'size - 1' if mode == 'reflect' else 'size'} = {limit} elements at "
            f"each end of dimension {axis} of input {input.shape}, got {margins}; use mode='replicate', or pad twice"
        )


def _reflected(size: int, before: int, after: int) -> Array:
    position = np.abs(np.arange(-before, size + after))
    return np.where(position < size, position, 2 * (size - 1) - position)


def _replicated(size: int, before: int, after: int) -> Array:
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def _circled(size: int, before: int, after: int) -> Array:
    first, kept = max(-before, 0), size + min(before, 0) + min(after, 0)
    return first + np.arange(-max(before, 0), kept + max(after, 0)) % kept


MODES: dict[str, Callable[[int, int, int], Array]] = {
    "reflect": _reflected,
    "replicate": _replicated,
    "circular": _circled,
}
"""Which element of the input each one of the result repeats, for (size, before, after).

Where margins take elements away, the circle is that of the elements that are left; the others mirror or repeat all.
"""
