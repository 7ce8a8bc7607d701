"""Pooling. Windows that hang over the end are written as padding, so that every reader finds the same ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.geometry import output_size
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import writes
from tinyconv.models.tracing import Step
from tinyconv.ops.pooling.adaptive import AdaptiveAvgPool, AdaptiveMaxPool
from tinyconv.ops.pooling.average import AvgPool
from tinyconv.ops.pooling.maximum import MaxPool
from tinyconv.ops.pooling.power import LPPool

Pads = tuple[list[int], list[int]]


def _size(step: Step) -> tuple[int, ...]:
    source = step.source
    return source.shape[2:]


def _pads(draft: Draft, step: Step, ceil_mode: bool) -> Pads:
    """Before and after each direction. After it, what the last window needs that ``ceil_mode`` adds."""
    operation, size = step.operation, _size(step)
    rank = len(size)
    before = list(operation.padding[-rank:])
    if not ceil_mode:
        return before, list(before)
    draft.depends_on(size)
    after = []
    for axis in range(-rank, 0):
        window = operation.kernel_size[axis], operation.stride[axis], operation.padding[axis], operation.dilation[axis]
        kernel, stride, margin, dilation = window
        count = output_size(size[axis], *window, True)
        if count == output_size(size[axis], *window, False):
            after.append(margin)
        else:
            after.append((count - 1) * stride + dilation * (kernel - 1) + 1 - size[axis] - margin)
    return before, after


def _window(step: Step) -> dict[str, Any]:
    rank = len(_size(step))
    return {"kernel_shape": list(step.operation.kernel_size[-rank:]), "strides": list(step.operation.stride[-rank:])}


@writes(MaxPool)
def max_pool(draft: Draft, step: Step, x: str) -> str:
    before, after = _pads(draft, step, step.operation.ceil_mode)
    dilations = list(step.operation.dilation[-len(before) :])
    kernel = _window(step)["kernel_shape"]
    if any(max(margins) >= taps for *margins, taps in zip(before, after, kernel, strict=True)):
        # Readers refuse margins as wide as the kernel, which windows with a dilation may have.
        x, before, after = _padded(draft, step, x, (before, after), -np.inf)
    return draft.node("MaxPool", x, **_window(step), pads=before + after, dilations=dilations)


@writes(AvgPool)
def avg_pool(draft: Draft, step: Step, x: str) -> str:
    count_include_pad, divisor = step.operation.divisor
    before, after = _pads(draft, step, step.operation.window.ceil_mode)
    margins = list(step.operation.padding[-len(before) :])
    hangs_over = after != margins
    if divisor is not None:
        return _sum_pool(draft, step, x, (before, after), 1 / divisor)
    if hangs_over and count_include_pad and any(margins):
        # Only the margins count as pixels, not what hangs over them.
        x, before, after = _padded(draft, step, x, (before, margins), 0, (before, after))
        count_include_pad = False
    counted = count_include_pad and not hangs_over and any(margins)
    return draft.node("AveragePool", x, **_window(step), pads=before + after, count_include_pad=int(counted))


@writes(LPPool)
def lp_pool(draft: Draft, step: Step, x: str) -> str:
    """(sum of x^p)^(1/p), without the absolute values of the operator LpPool. A window beyond the end is scaled up."""
    source = step.source
    before, after = _pads(draft, step, step.operation.window.ceil_mode)
    powers = draft.node("Pow", x, draft.number(step.operation.norm_type, source))
    means = draft.node("AveragePool", powers, **_window(step), pads=before + after, count_include_pad=0)
    sums = draft.node("Mul", means, draft.number(step.operation.pixels, source))
    return draft.node("Pow", sums, draft.number(1 / step.operation.norm_type, source))


@writes(AdaptiveAvgPool)
def adaptive_avg_pool(draft: Draft, step: Step, x: str) -> str:
    """Over everything, over windows that do not overlap, or as products with a matrix of means for each direction."""
    size, wanted = _size(step), step.output.shape[2:]
    if all(number == 1 for number in wanted):
        return draft.node("GlobalAveragePool", x)
    draft.depends_on(size)
    if all(length % number == 0 for length, number in zip(size, wanted, strict=True)):
        window = [length // number for length, number in zip(size, wanted, strict=True)]
        return draft.node("AveragePool", x, kernel_shape=window, strides=window)
    for axis, (length, number) in enumerate(zip(size, wanted, strict=True)):
        means = np.zeros((length, number), step.output.dtype)
        for place, (start, end) in enumerate(_shares(length, number)):
            means[start:end, place] = 1 / (end - start)
        last = len(size) + 1
        swapped = [*range(last + 1)]
        swapped[axis + 2], swapped[last] = last, axis + 2
        x = draft.node("Transpose", x, perm=swapped) if axis + 2 < last else x
        x = draft.node("MatMul", x, draft.weight("means", means))
        x = draft.node("Transpose", x, perm=swapped) if axis + 2 < last else x
    return x


@writes(AdaptiveMaxPool)
def adaptive_max_pool(draft: Draft, step: Step, x: str) -> str:
    """Over everything, over windows that do not overlap, or slice by slice in each direction."""
    size, wanted = _size(step), step.output.shape[2:]
    if all(number == 1 for number in wanted):
        return draft.node("GlobalMaxPool", x)
    draft.depends_on(size)
    if all(length % number == 0 for length, number in zip(size, wanted, strict=True)):
        window = [length // number for length, number in zip(size, wanted, strict=True)]
        return draft.node("MaxPool", x, kernel_shape=window, strides=window)
    for axis, (length, number) in enumerate(zip(size, wanted, strict=True), start=2):
        rows = []
        for start, end in _shares(length, number):
            part = draft.node("Slice", x, draft.ints(start), draft.ints(end), draft.ints(axis))
            rows.append(draft.node("ReduceMax", part, draft.ints(axis), keepdims=1))
        x = draft.node("Concat", *rows, axis=axis)
    return x


def _shares(length: int, number: int) -> list[tuple[int, int]]:
    """Where each of ``number`` windows starts and ends."""
    return [(place * length // number, -(-(place + 1) * length // number)) for place in range(number)]


def _padded(draft: Draft, step: Step, x: str, pads: Pads, value: float, wanted: Pads | None = None) -> Any:
    """``x`` with the margins ``pads`` around it, and what is left of those that are ``wanted``."""
    source = step.source
    (before, after), total = pads, wanted or pads
    margins = draft.ints(0, 0, *before, 0, 0, *after)
    padded = draft.node("Pad", x, margins, draft.number(value, source), mode="constant")
    rest = [[all_of - part for all_of, part in zip(*pair, strict=True)] for pair in zip(total, pads, strict=True)]
    return padded, *rest


def _sum_pool(draft: Draft, step: Step, x: str, pads: Pads, factor: float) -> str:
    """The sums of windows, by a factor: each channel convolved with a kernel of equal numbers."""
    source = step.source
    window, channels = _window(step), source.shape[1]
    kernels = np.full((channels, 1, *window["kernel_shape"]), factor, source.dtype)
    return draft.node("Conv", x, draft.weight("sums", kernels), **window, pads=pads[0] + pads[1], group=channels)
