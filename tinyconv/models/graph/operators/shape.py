"""Other shapes of the same elements: joined, split, turned, cut out, repeated."""

from __future__ import annotations

import math
from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor


@operator("Identity")
def identity(x: Tensor) -> Tensor:
    return x


@operator("Concat")
def concatenate(*values: Tensor, axis: int) -> Tensor:
    return cat(values, axis)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Two dimensions: those before ``axis``, and those from it on."""
    place = axis + x.ndim if axis < 0 else axis
    return x.reshape((math.prod(x.shape[:place]), math.prod(x.shape[place:])))


@operator("Reshape", numbers=("shape",))
def reshape(x: Tensor, shape: Any, *, allowzero: int = 0) -> Tensor:
    """0 keeps a size of x, unless ``allowzero``; -1 stands for what is left."""
    sizes = [x.shape[axis] if size == 0 and not allowzero else size for axis, size in enumerate(shape)]
    return x.reshape(tuple(sizes))


@operator("Transpose")
def transpose(x: Tensor, *, perm: Any = None) -> Tensor:
    return x.permute(*(perm or range(x.ndim - 1, -1, -1)))


@operator("Squeeze", numbers=("axes",))
def squeeze(x: Tensor, axes: Any = None) -> Tensor:
    chosen = {axis % x.ndim for axis in axes} if axes is not None else {i for i, s in enumerate(x.shape) if s == 1}
    if any(x.shape[axis] != 1 for axis in chosen):
        raise UnsupportedError(f"operator Squeeze takes away dimensions of size 1, not {axes} of shape {x.shape}")
    return x.reshape(tuple(size for axis, size in enumerate(x.shape) if axis not in chosen))


@operator("Unsqueeze", numbers=("axes",))
def unsqueeze(x: Tensor, axes: Any) -> Tensor:
    rank = x.ndim + len(axes)
    added = {axis % rank for axis in axes}
    sizes = iter(x.shape)
    return x.reshape(tuple(1 if axis in added else next(sizes) for axis in range(rank)))


@operator("Expand", numbers=("shape",))
def expand(x: Tensor, shape: Any) -> Tensor:
    """Both ways: where ``shape`` has 1, the size of x stays."""
    rank = max(x.ndim, len(shape))
    own = (1,) * (rank - x.ndim) + tuple(x.shape)
    wanted = (1,) * (rank - len(shape)) + tuple(shape)
    return x.broadcast_to(tuple(size if want == 1 else want for size, want in zip(own, wanted, strict=True)))


@operator("Tile", numbers=("repeats",))
def tile(x: Tensor, repeats: Any) -> Tensor:
    return x.repeat(*repeats)


@operator("Split", numbers=("split",))
def split(x: Tensor, split: Any = None, *, axis: int = 0, num_outputs: int | None = None, outputs: int = 1) -> Any:
    """Parts of the sizes ``split``; without it equal ones, of which the last may be smaller."""
    size = x.shape[axis]
    parts = num_outputs or outputs
    if split is None:
        length = math.ceil(size / parts)
        split = [min(length, size - start) for start in range(0, length * parts, length)]
    ends = [sum(split[: number + 1]) for number in range(len(split))]
    return tuple(x.narrow(axis, end - length, length) for end, length in zip(ends, split, strict=True))


@operator("Slice", numbers=("starts", "ends", "axes", "steps"))
def cut(x: Tensor, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Tensor:
    """Python's slices, with ends beyond the last element allowed; a negative step runs backwards."""
    chosen = axes if axes is not None else range(len(starts))
    for axis, start, end, step in zip(chosen, starts, ends, steps or [1] * len(starts), strict=True):
        first, stop, pace = (
            slice(start, end, step).indices(x.shape[axis]) if step > 0 else _back(start, end, step, x.shape[axis])
        )
        if pace < 0:
            x, pace = x.flip(axis), -pace
        x = x[(slice(None),) * (axis % x.ndim) + (slice(first, stop, pace),)]
    return x


def _back(start: int, end: int, step: int, size: int) -> tuple[int, int, int]:
    """A slice that runs backwards, as one of the elements in the other order (step still negative)."""
    # An end before the first element, as ONNX writes it, is a large negative number.
    first, stop, _ = slice(start, None if end < -size else end, step).indices(size)
    return size - 1 - first, size - 1 - stop, step


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Blocks of channels become blocks of pixels. DCR: the channels of a block lie apart; CRD: side by side."""
    if mode == "CRD":
        return F.pixel_shuffle(x, blocksize)
    batch, channels, height, width = x.shape
    depth = channels // blocksize**2
    blocks = x.reshape(batch, blocksize, blocksize, depth, height, width).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(batch, depth, height * blocksize, width * blocksize)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int) -> Tensor:
    batch, channels, height, width = x.shape
    rows, columns = height // blocksize, width // blocksize
    blocks = x.reshape(batch, channels, rows, blocksize, columns, blocksize).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(batch, channels * blocksize**2, rows, columns)


@operator("Trilu", numbers=("k",))
def triangle(x: Tensor, k: Any = None, *, upper: int = 1) -> Tensor:
    diagonal = k[0] if isinstance(k, list) else k or 0
    return x.triu(diagonal) if upper else x.tril(diagonal)
