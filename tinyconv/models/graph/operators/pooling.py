"""Pooling: maxima, averages and p-norms of windows, and of whole maps.

Margins that PyTorch's layers do not have (unequal ones, windows that hang over) are laid around the maps first: of
negative infinity for a maximum, of zeros for sums. Averages with a dilation, and p-norms, are sums by a convolution
with a kernel of ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.convolution import by_rank
from tinyconv.models.graph.operators.table import operator
from tinyconv.models.graph.operators.windows import Windows, windows
from tinyconv.nn import functional as F
from tinyconv.ops.creation.creation import ones
from tinyconv.ops.tensor import Tensor


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Any,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Any = None,
    pads: Any = None,
    storage_order: int = 0,
    strides: Any = None,
    outputs: int = 1,
) -> Any:
    asked = windows("MaxPool", x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    pool = by_rank("MaxPool", "max_pool", len(asked.kernel))
    dtype = x.dtype
    maps = x if dtype.is_floating_point else x.float()  # exact for the 8 bits that ONNX allows beside
    lowest = -math.inf if dtype.is_floating_point else -1.0
    maps = F.pad(maps, asked.margins(), value=lowest) if any(asked.margins()) else maps
    if outputs == 1:
        return pool(maps, asked.kernel, asked.stride, 0, asked.dilation).to(dtype)
    result, indices = pool(maps, asked.kernel, asked.stride, 0, asked.dilation, return_indices=True)
    return result.to(dtype), _indices(indices, maps.shape[2:], x.shape, asked.before, storage_order)


def _indices(indices: Tensor, padded: Any, shape: Any, before: Any, storage_order: int) -> Tensor:
    """Positions in the padded map -> positions in all of x, whose rows (columns with ``storage_order``) are counted."""
    positions = np.unravel_index(indices.cpu().array, padded)
    axes = [position - margin for position, margin in zip(positions, before, strict=True)]
    pixels = np.ravel_multi_index(axes, shape[2:], mode="clip", order="F" if storage_order else "C")
    planes = np.arange(shape[0] * shape[1]).reshape(*shape[:2], *(1,) * len(axes)) * math.prod(shape[2:])
    return Tensor(np.ascontiguousarray(pixels + planes)).to(indices.device)


@operator("AveragePool")
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Any,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Tensor:
    asked = windows("AveragePool", x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    if not any(asked.margins()) and set(asked.dilation) == {1}:
        return by_rank("AveragePool", "avg_pool", len(asked.kernel))(x, asked.kernel, asked.stride)
    return _window_sums(x, asked) / Tensor(_counts(asked, x.shape[2:], bool(count_include_pad), x)).to(x.device)


def _counts(asked: Windows, size: Any, include_pad: bool, x: Tensor) -> Array:
    """How many pixels each window counts: those of the map, with ``include_pad`` those of its margins too."""
    counts: Array = np.ones((), x.dtype.numpy)
    for axis, length in enumerate(size):
        before, after = asked.padded[axis] if include_pad else (0, 0)
        starts = np.arange(asked.outputs[axis]) * asked.stride[axis] - asked.before[axis]
        taps = starts[:, None] + np.arange(asked.kernel[axis]) * asked.dilation[axis]
        inside = ((taps >= -before) & (taps < length + after)).sum(axis=1)
        counts = np.multiply.outer(counts, inside.astype(x.dtype.numpy))
    return counts


def _window_sums(x: Tensor, asked: Windows) -> Tensor:
    """The sum of each window: a convolution of each channel on its own with ones."""
    rank = len(asked.kernel)
    batch, channels = x.shape[:2]
    planes = F.pad(x, asked.margins()) if any(asked.margins()) else x
    planes = planes.reshape(batch * channels, 1, *planes.shape[2:])
    kernel = ones(1, 1, *asked.kernel, dtype=x.dtype, device=x.device)
    sums = by_rank("AveragePool", "conv", rank)(planes, kernel, None, asked.stride, 0, asked.dilation)
    return sums.reshape(batch, channels, *asked.outputs)


@operator("LpPool")
def lp_pool(
    x: Tensor,
    *,
    kernel_shape: Any,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Any = None,
    p: int = 2,
    pads: Any = None,
    strides: Any = None,
) -> Tensor:
    asked = windows("LpPool", x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode)
    return _window_sums(x.abs() ** p, asked) ** (1 / p)


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: int = 2) -> Tensor:
    return (x.abs() ** p).sum(tuple(range(2, x.ndim)), keepdim=True) ** (1 / p)


@operator("MaxUnpool", numbers=("output_shape",))
def max_unpool(
    x: Tensor, indices: Tensor, output_shape: Any = None, *, kernel_shape: Any, pads: Any = None, strides: Any = None
) -> Tensor:
    """Each value at its index in all of the pooling's input; zeros elsewhere.

    The index counts in the size that the pooling's windows give; ``output_shape`` may be larger.
    """
    rank = len(kernel_shape)
    stride, margins = strides or (1,) * rank, pads or (0,) * (2 * rank)
    size = [
        (x.shape[2 + axis] - 1) * stride[axis] + kernel_shape[axis] - margins[axis] - margins[rank + axis]
        for axis in range(rank)
    ]
    shape = (*x.shape[:2], *size)
    flat = x.new_zeros(math.prod(shape)).index_put((indices.reshape(-1),), x.reshape(-1))
    whole = flat.reshape(*shape)
    if output_shape is None or tuple(output_shape) == shape:
        return whole
    if tuple(output_shape[:2]) != shape[:2]:
        raise UnsupportedError(f"operator MaxUnpool: output_shape {output_shape} has another batch or channels")
    extra = [wanted - length for wanted, length in zip(output_shape[2:], size, strict=True)]
    return F.pad(whole, [margin for more in reversed(extra) for margin in (0, more)])
