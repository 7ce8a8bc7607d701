"""The arithmetic of sliding windows (Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016).

output = floor((input + 2 padding - dilation (kernel - 1) - 1) / stride) + 1
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError


def sizes(value: Any, name: str, count: int) -> tuple[int, ...]:
    """``value`` as ``count`` ints, one for each spatial dimension: a single int counts for all of them.

    ``name`` is used in the error. Raises ``ArgumentError``.
    """
    try:
        numbers = tuple(map(_integer, value)) if isinstance(value, Iterable) else (_integer(value),)
    except TypeError:
        numbers = ()
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        wanted = {1: "an int", 2: "an int or a pair of ints"}.get(count, f"an int or {count} ints")
        raise ArgumentError(f"{name} must be {wanted}, got {value!r}")
    return numbers


def pair(value: Any, name: str) -> Pair:
    """``value`` as (vertical, horizontal): an int counts for both. ``name`` is used in the error."""
    vertical, horizontal = sizes(value, name, 2)
    return vertical, horizontal


def _integer(number: Any) -> int:
    """An int of Python's or NumPy's. Raises ``TypeError`` for anything else: 1.5 pixels are a mistake, not 1."""
    if isinstance(number, bool):
        raise TypeError(number)
    return operator.index(number)


def window_extent(kernel: int, dilation: int) -> int:
    """How many pixels a dilated kernel spans: dilation (kernel - 1) + 1."""
    return dilation * (kernel - 1) + 1


def output_size(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """The number of window positions; zero or negative where the window is larger than the padded input.

    With ``ceil_mode`` a last window may hang over the end, as long as it starts inside the input or its left padding.
    """
    free = size + 2 * padding - window_extent(kernel, dilation)
    if not ceil_mode:
        return free // stride + 1
    positions = -(-free // stride) + 1
    if (positions - 1) * stride >= size + padding:
        positions -= 1
    return positions


def transposed_size(size: int, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    """How many pixels a transposed convolution makes of ``size``: the smallest input of which a convolution makes them,

        (size - 1) stride - 2 padding + dilation (kernel - 1) + 1,

    and ``output_padding`` more at the end, of which the convolution makes as many where it is less than the stride.
    """
    return (size - 1) * stride - 2 * padding + window_extent(kernel, dilation) + output_padding


def adaptive_window(index: int, size: int, output: int) -> tuple[int, int]:
    """[start, end) of window ``index`` of ``output`` that together cover ``size``: equal shares, rounded outward."""
    return index * size // output, -(-(index + 1) * size // output)
