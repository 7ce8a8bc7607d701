"""Sums, means, extremes and norms along axes; the positions of extremes; running sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core import dtypes
from tinyconv.models.graph.operators.table import operator
from tinyconv.ops.creation.creation import full
from tinyconv.ops.tensor import Tensor

Reduction = Callable[[Tensor, tuple[int, ...]], Tensor]


def _product(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    for axis in axes:
        x = x.prod(axis, keepdim=True)
    return x


def _log_sum_exp(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    return x.logsumexp(axes, keepdim=True)


def _extreme(name: str) -> Reduction:
    """Of nothing, the number that every other is beyond."""

    def neutral(dtype: dtypes.DType) -> float:
        if dtype.is_floating_point:
            return -math.inf if name == "amax" else math.inf
        if dtype is dtypes.bool_:
            return name == "amin"
        limits = np.iinfo(dtype.numpy)
        return int(limits.min if name == "amax" else limits.max)

    def reduce(x: Tensor, axes: tuple[int, ...]) -> Tensor:
        if any(x.shape[axis] == 0 for axis in axes):
            shape = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
            return full(shape, neutral(x.dtype), dtype=x.dtype, device=x.device)
        numbers = x.to(dtypes.uint8) if x.dtype is dtypes.bool_ else x
        result: Tensor = getattr(numbers, name)(axes, keepdim=True)
        return result.to(x.dtype)

    return reduce


REDUCTIONS: dict[str, Reduction] = {
    "ReduceSum": lambda x, axes: x.sum(axes, keepdim=True),
    "ReduceMean": lambda x, axes: x.mean(axes, keepdim=True),
    "ReduceMax": _extreme("amax"),
    "ReduceMin": _extreme("amin"),
    "ReduceProd": _product,
    "ReduceL1": lambda x, axes: x.abs().sum(axes, keepdim=True),
    "ReduceL2": lambda x, axes: (x * x).sum(axes, keepdim=True).sqrt(),
    "ReduceSumSquare": lambda x, axes: (x * x).sum(axes, keepdim=True),
    "ReduceLogSum": lambda x, axes: x.sum(axes, keepdim=True).log(),
    "ReduceLogSumExp": _log_sum_exp,
}


def _entered(name: str, along: Reduction) -> None:
    @operator(name, numbers=("axes",))
    def reduce(x: Tensor, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        if not axes and noop_with_empty_axes:
            chosen: tuple[int, ...] = ()
        else:
            chosen = tuple(axis % x.ndim for axis in axes) if axes else tuple(range(x.ndim))
        result = along(x, chosen) if chosen or not x.ndim else _of_each(name, x)
        if result.dtype is not x.dtype:
            result = result.to(x.dtype)
        kept = tuple(1 if axis in chosen else size for axis, size in enumerate(x.shape))
        if keepdims:
            return result if result.shape == kept else result.reshape(kept)
        return result.reshape(tuple(size for axis, size in enumerate(x.shape) if axis not in chosen))


def _of_each(name: str, x: Tensor) -> Tensor:
    """The reduction over no axes: of each element alone."""
    if name in ("ReduceL1", "ReduceL2"):
        return x.abs()
    if name == "ReduceSumSquare":
        return x * x
    return x.log() if name == "ReduceLogSum" else x


for _name, _along in REDUCTIONS.items():
    _entered(_name, _along)


@operator("ArgMax")
def arg_max(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _position(x, "argmax", axis, bool(keepdims), bool(select_last_index))


@operator("ArgMin")
def arg_min(x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _position(x, "argmin", axis, bool(keepdims), bool(select_last_index))


def _position(x: Tensor, name: str, axis: int, keepdim: bool, last: bool) -> Tensor:
    found: Tensor = getattr(x.flip(axis) if last else x, name)(axis, keepdim=keepdim)
    return x.shape[axis] - 1 - found if last else found


@operator("TopK", numbers=("k",))
def top_k(x: Tensor, k: Any, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> Any:  # noqa: ARG001
    # In order, whether the file asks for it or not.
    return tuple(x.topk(k[0] if isinstance(k, list) else k, axis, bool(largest), True))


@operator("CumSum", numbers=("axis",))
def cumulative_sum(x: Tensor, axis: Any, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    along = axis[0] if isinstance(axis, list) else axis
    source = x.flip(along) if reverse else x
    sums = source.cumsum(along).to(x.dtype)
    if exclusive:
        sums = sums - source
    if reverse:
        sums = sums.flip(along)
    return sums
