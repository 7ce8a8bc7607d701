"""Reshaping, indexing, joining, padding, resizing, and pixels that become channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.transfer import to_host
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import refused, writes
from tinyconv.models.tracing import Step
from tinyconv.ops.indexing.indexing import GetItem
from tinyconv.ops.resizing.padding import ConstantPad
from tinyconv.ops.resizing.pixel_shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from tinyconv.ops.resizing.resampling import Resample
from tinyconv.ops.shape.join import Concatenate
from tinyconv.ops.shape.permutation import Permute
from tinyconv.ops.shape.shape import Copy, Expand, Reshape
from tinyconv.ops.tensor.conversion import Move

END = np.iinfo(np.int64).max
"""Where a slice without an end ends."""


@writes(Copy, Move)
def same(draft: Draft, step: Step, x: str) -> str:
    """The same numbers elsewhere in memory: nothing to write."""
    return x


@writes(Reshape)
def reshape(draft: Draft, step: Step, x: str) -> str:
    return draft.reshape(x, step.source.shape, step.output.shape)


@writes(Expand)
def expand(draft: Draft, step: Step, x: str) -> str:
    """Sizes that stay are written as 1, which repeats nothing: so they may be those of any input."""
    source, target = step.source.shape, step.output.shape
    own = (1,) * (len(target) - len(source)) + source
    sizes = [1 if size == wanted else wanted for size, wanted in zip(own, target, strict=True)]
    return draft.node("Expand", x, draft.ints(*sizes))


@writes(Permute)
def permute(draft: Draft, step: Step, x: str) -> str:
    return draft.node("Transpose", x, perm=list(step.operation.order))


@writes(Concatenate)
def concatenate(draft: Draft, step: Step, *parts: str) -> str:
    fitting = [part for part, fits in zip(parts, step.operation.fits, strict=True) if fits]
    return draft.node("Concat", *fitting, axis=step.operation.dim)


@writes(ConstantPad)
def constant_pad(draft: Draft, step: Step, x: str) -> str:
    margins = step.operation.margins
    pads = draft.ints(*(before for before, _ in margins), *(after for _, after in margins))
    value = float(step.operation.value)
    return draft.node("Pad", x, pads, draft.number(value, step.source) if value else "", mode="constant")


@writes(GetItem)
def get_item(draft: Draft, step: Step, x: str) -> str:
    """Slices; then dimensions that an integer took go, and new ones come."""
    index = step.operation.index
    if index.advanced is not None:
        return _gathered(draft, step, x)
    written = [part for part in index.basic if part is not Ellipsis]  # which stands at the end
    parts = [part for part in written if part is not None]
    cuts = [(axis, *_bounds(part)) for axis, part in enumerate(parts) if part != slice(None)]
    if cuts:
        axes, starts, ends, steps = (draft.ints(*numbers) for numbers in zip(*cuts, strict=True))
        x = draft.node("Slice", x, starts, ends, axes, steps)
    taken = [axis for axis, part in enumerate(parts) if not isinstance(part, slice)]
    if taken:
        x = draft.node("Squeeze", x, draft.ints(*taken))
    kept = [part for part in written if part is None or isinstance(part, slice)]
    new = [axis for axis, part in enumerate(kept) if part is None]
    return draft.node("Unsqueeze", x, draft.ints(*new)) if new else x


def _bounds(part: Any) -> tuple[int, int, int]:
    if isinstance(part, slice):
        return part.start or 0, END if part.stop is None else part.stop, part.step or 1
    return part, END if part == -1 else part + 1, 1


def _gathered(draft: Draft, step: Step, x: str) -> str:
    """One list of positions along one dimension."""
    index = step.operation.index
    arrays = [(axis, part) for axis, part in enumerate(index.advanced) if not isinstance(part, slice)]
    if any(part not in (Ellipsis, slice(None)) for part in index.basic) or len(arrays) != 1:
        raise refused(step, "takes elements by several lists of positions, or by a list and by slices, at once")
    ((axis, positions),) = arrays
    return draft.node("Gather", x, draft.weight("positions", to_host(positions).astype(np.int64)), axis=axis)


@writes(Resample)
def resample(draft: Draft, step: Step, x: str) -> str:
    """A sum of few elements along one axis: each tap gathers, and is weighted."""
    operation, source = step.operation, step.source
    axis = operation.axis
    draft.depends_on((source.shape[axis],))
    parts = []
    for positions, weights in operation.taps.pairs:
        part = draft.node("Gather", x, draft.weight("positions", positions.astype(np.int64)), axis=axis)
        if weights is not None:
            along = weights.astype(source.dtype).reshape(-1, *(1,) * (len(source.shape) - axis - 1))
            part = draft.node("Mul", part, draft.weight("shares", along))
        parts.append(part)
    return draft.node("Sum", *parts) if len(parts) > 1 else parts[0]


@writes(PixelShuffle)
def pixel_shuffle(draft: Draft, step: Step, x: str) -> str:
    if len(step.output.shape) != 4:
        raise refused(step, "shuffles something else than images (N, C, H, W)")
    return draft.node("DepthToSpace", x, blocksize=step.operation.factor, mode="CRD")


@writes(PixelUnshuffle)
def pixel_unshuffle(draft: Draft, step: Step, x: str) -> str:
    shape, r = step.source.shape, step.operation.factor
    if len(shape) != 4:
        raise refused(step, "shuffles something else than images (N, C, H, W)")
    n, c, h, w = shape
    blocks = (n, c, h // r, r, w // r, r)
    turned = draft.node("Transpose", draft.reshape(x, shape, blocks), perm=[0, 1, 3, 5, 2, 4])
    return draft.reshape(turned, (n, c, r, r, h // r, w // r), step.output.shape)


@writes(ChannelShuffle)
def channel_shuffle(draft: Draft, step: Step, x: str) -> str:
    shape, groups = step.source.shape, step.operation.groups
    parts = (shape[0], groups, shape[1] // groups, *shape[2:])
    order = [0, 2, 1, *range(3, len(parts))]
    turned = draft.node("Transpose", draft.reshape(x, shape, parts), perm=order)
    return draft.reshape(turned, tuple(parts[axis] for axis in order), shape)
