"""Receptive fields: which patch of the image a pixel of a feature map can see.

A field is followed from the image through the operations (Araujo, Norris and Sim, "Computing receptive fields of
convolutional neural networks", Distill, 2019). In each direction, with kernel k, stride s, padding p and dilation d:

    start += ((k - 1) d / 2 - p) jump       centre of the first unit's patch, in pixels; the image's first pixel is at 0
    size  += (k - 1) d jump                 side of the patch
    jump  *= s                              distance between the patches of neighbouring units
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
from tinyconv.core.arrays import Pair
from tinyconv.ops.padding import Crop2d, ZeroPad2d

Point = tuple[float, float]


@dataclass(frozen=True)
class ReceptiveField:
    """What the units of one feature map see; all pairs are (vertical, horizontal), all lengths in image pixels."""

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

    def over(self, units: Pair) -> ReceptiveField:
        """The field of something that sees all of a map of ``units`` (rows, columns)."""
        return self.through(kernel=units, stride=(1, 1), padding=(0, 0), dilation=(1, 1))

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


def _pairwise(function: Any, *pairs: Sequence[float]) -> Point:
    vertical, horizontal = (function(*values) for values in zip(*pairs, strict=True))
    return vertical, horizontal


class FieldTracker:
    """Follows the receptive field through observed operations: ``with observe(tracker): model(image)``.

    An operation that keeps the map's size passes on its inputs' fields, joined. One whose result is not a map (flatten,
    linear, a mean over pixels) sees all pixels of its inputs. After anything else the field is unknown.
    """

    def __init__(self, image: TensorBase) -> None:
        self._fields: dict[int, tuple[weakref.ref[TensorBase], ReceptiveField | None]] = {}
        self._note(image, ReceptiveField())

    def __call__(self, observation: Observation) -> None:
        inputs = [tensor for tensor in observation.inputs if tensor is not None and id(tensor) in self._fields]
        fields = [self.field(tensor) for tensor in inputs]
        known = [field for field in fields if field is not None]
        if not inputs:
            return  # computed from parameters alone: it sees nothing of the image
        result = None
        if len(known) == len(fields):
            result = _after(observation.operation, inputs, known, observation.output)
        self._note(observation.output, result)

    def field(self, tensor: TensorBase) -> ReceptiveField | None:
        """The field of ``tensor``, or None where it is unknown."""
        return self._fields.get(id(tensor), (None, None))[1]

    def _note(self, tensor: TensorBase, field: ReceptiveField | None) -> None:
        key = id(tensor)  # names the tensor only as long as it lives, and watching must not keep it alive

        def forget(_: weakref.ref[TensorBase]) -> None:
            self._fields.pop(key, None)

        self._fields[key] = weakref.ref(tensor, forget), field


def _map_size(tensor: TensorBase) -> Pair:
    """(rows, columns) of a map; what is no map (vectors) counts as a map of one pixel."""
    return (tensor.shape[-2], tensor.shape[-1]) if len(tensor.shape) >= 3 else (1, 1)


def _after(
    operation: Any, inputs: list[TensorBase], fields: list[ReceptiveField], output: TensorBase
) -> ReceptiveField | None:
    source, target = _map_size(inputs[0]), _map_size(output)
    if operation.kind in ("conv", "pool") and hasattr(operation, "stride"):
        dilation = getattr(operation, "dilation", (1, 1))
        return fields[0].through(operation.kernel_size, operation.stride, operation.padding, dilation)
    if operation.kind == "pool":
        # Adaptive: windows of size/output pixels, rounded outward where that is no whole number.
        step = _pairwise(lambda size, windows: size / windows, source, target)
        kernel = _pairwise(lambda length: length if length.is_integer() else math.ceil(length) + 1, step)
        return fields[0].through(kernel, step, padding=(0, 0), dilation=(1, 1))
    if isinstance(operation, ZeroPad2d | Crop2d):
        left, _, top, _ = operation.margins
        shift = (top, left) if isinstance(operation, ZeroPad2d) else (-top, -left)
        return fields[0].through(kernel=(1, 1), stride=(1, 1), padding=shift, dilation=(1, 1))
    if len(output.shape) < 3:
        return reduce(ReceptiveField.joined, [f.over(_map_size(t)) for f, t in zip(fields, inputs, strict=True)])
    if all(_map_size(tensor) == target for tensor in inputs):
        return reduce(ReceptiveField.joined, fields)
    return None
