"""Arithmetic with sizes: what a graph computes of shapes and constants alone.

A file that flattens by ``x.reshape(x.shape[0], -1)`` asks for the shape, picks a number, joins it with another. None of
that is a feature map: it is done in NumPy, beside the tape, where nobody who watches the network's operations meets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.models.graph.operators.elementwise import element_type


def shape(x: Any, *, start: int = 0, end: int | None = None) -> Array:
    return np.array(tuple(x.shape)[start:end], np.int64)


def size(x: Any) -> Array:
    return np.array(math.prod(x.shape), np.int64)


def _unsqueeze(x: Array, axes: Array) -> Array:
    return np.expand_dims(x, tuple(axes.ravel().tolist()))


def _squeeze(x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, None if axes is None else tuple(axes.ravel().tolist()))


def _slice(x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None) -> Array:
    chosen = range(len(starts)) if axes is None else axes.tolist()
    paces = [1] * len(starts) if steps is None else steps.tolist()
    for axis, start, end, step in zip(chosen, starts.tolist(), ends.tolist(), paces, strict=True):
        # A backward slice that ends before the first element, as ONNX writes it: a large negative number.
        stop = None if step < 0 and end < -x.shape[axis] else end
        x = x[(slice(None),) * (axis % x.ndim) + (slice(start, stop, step),)]
    return x


def _divide(a: Array, b: Array) -> Array:
    return np.asarray(a / b if a.dtype.kind == "f" else np.trunc(a / b).astype(a.dtype))


def _reshape(x: Array, shape: Array, *, allowzero: int = 0) -> Array:
    wanted = [x.shape[axis] if n == 0 and not allowzero else n for axis, n in enumerate(shape.tolist())]
    return x.reshape(wanted)


def _cast(x: Array, *, to: int, saturate: int = 1) -> Array:  # noqa: ARG001  (it is about 8-bit floats)
    return x.astype(element_type("Cast", to).numpy)


def _expand(x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist())))


OF_ANY: dict[str, Callable[..., Array]] = {"Shape": shape, "Size": size}
"""What takes tensors, and looks at their shapes alone."""

OF_ARRAYS: dict[str, Callable[..., Array]] = {
    "Identity": lambda x: x,
    "Gather": lambda x, indices, *, axis=0: np.take(x, indices, axis),
    "Concat": lambda *values, axis: np.concatenate(values, axis),
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Reshape": _reshape,
    "Cast": _cast,
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": _divide,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Neg": np.negative,
    "Max": lambda *values: np.asarray(np.maximum.reduce(values)),
    "Min": lambda *values: np.asarray(np.minimum.reduce(values)),
    "Equal": lambda a, b: np.asarray(a == b),
    "Where": np.where,
    "Expand": _expand,
    "Range": lambda start, limit, delta: np.arange(start, limit, delta, dtype=start.dtype),
}
"""What is done in NumPy where every operand is an array: a shape, a constant, or what was made of them."""
