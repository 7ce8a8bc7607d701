"""Receptive fields: which patch of the image a pixel of a feature map can see.

A field is followed from the image through the operations (Araujo, Norris and Sim, "Computing receptive fields of
convolutional neural networks", Distill, 2019). In each direction, with kernel k, stride s, padding p and dilation d:

    start += ((k - 1) d / 2 - p) jump       centre of the first unit's patch, in pixels; the image's first pixel is at 0
    size  += (k - 1) d jump                 side of the patch
    jump  *= s                              distance between the patches of neighbouring units

Signals (N, C, L) are images of one row; volumes (N, C, D, H, W) have a third direction, the depth. The field is unknown
behind what these three numbers cannot describe: upsampling and transposed convolution with a stride, where the units
between two pixels see patches of different sizes, and margins that repeat pixels from elsewhere.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from tinyconv.autograd.observe import Observation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Pair, Sizes
from tinyconv.ops.convolution.patches import Fold, Unfold
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d
from tinyconv.ops.resizing.padding import ConstantPad
from tinyconv.ops.resizing.resampling import Resample

Point = tuple[float, ...]


@dataclass(frozen=True)
class ReceptiveField:
    """What the units of one feature map see: (vertical, horizontal), of volumes (depth, ...), in pixels of the input.

    ``size``: of the patch that one unit sees. ``jump``: between the patches of neighbours. ``start``: the middle of the
    patch of the first unit, where 0 is the middle of the first pixel.
    Raises: nothing of its own.

    >>> from tinyconv.models.receptive_field import ReceptiveField
    >>> field = ReceptiveField().through(kernel=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 1))
    >>> field.size, field.jump, field.patch(0, 0, (8, 8))
    ((3.0, 3.0), (2.0, 2.0), (0, 0, 2, 2))
    """

    size: Point = (1.0, 1.0)
    jump: Point = (1.0, 1.0)
    start: Point = (0.0, 0.0)

    def through(self, kernel: Point, stride: Point, padding: Point, dilation: Point) -> ReceptiveField:
        """The field after a sliding window."""
        reach = kernel_reach(kernel, dilation)
        return ReceptiveField(
            size=_pairwise(lambda size, extra, jump: size + extra * jump, self.size, reach, self.jump),
            jump=_pairwise(lambda jump, step: jump * step, self.jump, stride),
            start=_pairwise(
                lambda start, extra, pad, jump: start + (extra / 2 - pad) * jump, self.start, reach, padding, self.jump
            ),
        )

    def over(self, units: Sizes) -> ReceptiveField:
        """The field of something that sees all of a map of ``units`` (rows, columns)."""
        return self.through(units, *_still(len(units)))

    def joined(self, other: ReceptiveField) -> ReceptiveField:
        """The field of the sum (or concatenation) of two maps: the smallest patch that holds both patches."""
        low = _pairwise(min, self._low(), other._low())
        high = _pairwise(max, self._high(), other._high())
        return ReceptiveField(
            size=_pairwise(lambda first, last: last - first + 1, low, high),
            jump=_pairwise(max, self.jump, other.jump),
            start=_pairwise(lambda first, last: (first + last) / 2, low, high),
        )

    def patch(self, row: int, column: int, image_size: Pair) -> tuple[int, int, int, int]:
        """(top, left, bottom, right) of the pixels that unit (row, column) sees, within the image; ends excluded."""
        position = (row, column)
        low = _pairwise(lambda first, index, jump: first + index * jump, self._low(), position, self.jump)
        high = _pairwise(lambda first, size: first + size, low, self.size)
        top, left = (min(max(math.floor(edge), 0), limit) for edge, limit in zip(low, image_size, strict=True))
        bottom, right = (min(max(math.ceil(edge), 0), limit) for edge, limit in zip(high, image_size, strict=True))
        return top, left, bottom, right

    def _low(self) -> Point:
        """First pixel of the first unit's patch."""
        return _pairwise(lambda start, size: start - (size - 1) / 2, self.start, self.size)

    def _high(self) -> Point:
        """Last pixel of the first unit's patch."""
        return _pairwise(lambda start, size: start + (size - 1) / 2, self.start, self.size)


def kernel_reach(kernel: Point, dilation: Point) -> Point:
    """How far a kernel's last tap is from its first: (k - 1) d."""
    return _pairwise(lambda taps, spacing: (taps - 1) * spacing, kernel, dilation)


def _still(directions: int) -> tuple[Sizes, Sizes, Sizes]:
    """Stride, padding and dilation of a window that only stands there."""
    return (1,) * directions, (0,) * directions, (1,) * directions


def _pairwise(function: Any, *points: Sequence[float]) -> Point:
    return tuple(function(*values) for values in zip(*points, strict=True))


class FieldTracker:
    """Follows the receptive field through observed operations: ``with observe(tracker): model(image)``.

    An operation that keeps the map's size passes on its inputs' fields, joined. One whose result is not a map (flatten,
    linear, a mean over pixels) sees all pixels of its inputs. After anything else the field is unknown; so it is where
    volumes become images.
    """

    def __init__(self, image: TensorBase) -> None:
        self._signals = False
        self._directions = 3 if len(image.shape) == 5 else 2
        self._fields: dict[int, tuple[weakref.ref[TensorBase], ReceptiveField | None]] = {}
        one, zero = (1.0,) * self._directions, (0.0,) * self._directions
        self._note(image, ReceptiveField(one, one, zero))

    def __call__(self, observation: Observation) -> None:
        inputs = [tensor for tensor in observation.inputs if tensor is not None and id(tensor) in self._fields]
        fields = [self.field(tensor) for tensor in inputs]
        known = [field for field in fields if field is not None]
        if not inputs:
            return  # computed from parameters alone: it sees nothing of the image
        if observation.operation.kind in ("conv", "pool") and len(inputs[0].shape) == 3:
            self._signals = True  # (N, C, L): one image (C, H, W) is a batch of one before it comes to a window
        result = None
        if len(known) == len(fields) and not (self._directions == 3 and len(observation.output.shape) in (3, 4)):
            sizes = [self._map_size(tensor) for tensor in inputs]
            target = self._map_size(observation.output)
            result = _after(observation.operation, sizes, known, observation.output, target)
        self._note(observation.output, result)

    def _map_size(self, tensor: TensorBase) -> Sizes:
        """(rows, columns) of a map; a signal has one row; what is no map (vectors) counts as a map of one pixel."""
        if len(tensor.shape) < 3:
            return (1,) * self._directions
        if self._signals and len(tensor.shape) == 3:
            return 1, tensor.shape[-1]
        return tensor.shape[-self._directions :]

    def field(self, tensor: TensorBase) -> ReceptiveField | None:
        """The field of ``tensor``, or None where it is unknown."""
        return self._fields.get(id(tensor), (None, None))[1]

    def _note(self, tensor: TensorBase, field: ReceptiveField | None) -> None:
        key = id(tensor)  # names the tensor only as long as it lives, and watching must not keep it alive

        def forget(_: weakref.ref[TensorBase]) -> None:
            self._fields.pop(key, None)

        self._fields[key] = weakref.ref(tensor, forget), field


def _after(
    operation: Any, sizes: list[Sizes], fields: list[ReceptiveField], output: TensorBase, target: Sizes
) -> ReceptiveField | None:
    source = sizes[0]
    one, zero, _ = _still(len(source))
    if isinstance(operation, TransposedConvolution2d):
        if operation.stride != one:
            return None
        # Without a stride it is a convolution with the kernel turned around, over all pixels that a tap reaches.
        reach = kernel_reach(operation.kernel_size, operation.dilation)
        padding = _pairwise(lambda extra, pad: extra - pad, reach, operation.padding)
        return fields[0].through(operation.kernel_size, operation.stride, padding, operation.dilation)
    if operation.kind in ("conv", "pool") and hasattr(operation, "stride"):
        dilation = getattr(operation, "dilation", one)
        return fields[0].through(operation.kernel_size, operation.stride, operation.padding, dilation)
    if operation.kind == "pool":
        # Adaptive: windows of size/output pixels, rounded outward where that is no whole number.
        step = _pairwise(lambda size, windows: size / windows, source, target)
        kernel = _pairwise(lambda length: length if length.is_integer() else math.ceil(length) + 1, step)
        return fields[0].through(kernel, step, zero, one)
    if isinstance(operation, Resample | Unfold | Fold):
        return None
    if isinstance(operation, ConstantPad) and len(output.shape) >= 3:
        before = [first for first, _ in operation.margins[-len(source) :]]
        before[0] *= not source[0] == target[0] == 1  # what a signal has there are channels
        return fields[0].through(one, one, tuple(before), one)
    if len(output.shape) < 3:
        return reduce(ReceptiveField.joined, [f.over(size) for f, size in zip(fields, sizes, strict=True)])
    if all(size == target for size in sizes):
        return reduce(ReceptiveField.joined, fields)
    return None
