"""Elementwise updates over several arrays, one cache-sized block at a time.

An update rule is a dozen elementwise passes over a parameter, its gradient and its moments. Over whole arrays each pass
would stream them from memory again; over a block all passes but the first find them in the cache. The scratch space is
a block too, however large the parameters are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device, array_module
from tinyconv.ops.tensor import Tensor

BLOCK = 16384
"""Elements per block: five arrays of float32 take 320 KB, which a core's second-level cache holds."""


def flat(array: Array) -> Array:
    """The elements of ``array`` as one dimension in memory order: a view of an array in engine order."""
    return layout.stored(array).reshape(-1)


def blocks(written: Tensor, *others: Tensor) -> Iterator[tuple[Array, ...]]:
    """Corresponding blocks of tensors of one shape, as 1-D arrays; writing into them writes into the tensors.

    ``written``, in any memory order, counts as written in place when the iteration ends. Those of ``others`` that are
    written must be in engine order already.
    """
    xp = array_module(written.device)
    values = layout.ordered(written.array, xp)
    arrays = [flat(values), *(flat(layout.ordered(other.array, xp)) for other in others)]
    block = BLOCK if xp is np else max(1, values.size)  # a GPU starts each pass anew: one for the whole tensor
    for start in range(0, values.size, block):
        yield tuple(array[start : start + block] for array in arrays)
    if values is not written.array:
        written.array[...] = values
    written.bump_version()


class Scratch:
    """Blocks for intermediate results, made once per element type and device."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[Any, Device], tuple[Array, Array]] = {}

    def like(self, tensor: Tensor, size: int) -> tuple[Array, Array]:
        """Two blocks of ``size`` elements of the type of ``tensor``, with arbitrary contents."""
        key, xp = (tensor.array.dtype, tensor.device), array_module(tensor.device)
        if xp is not np:  # blocks have no largest size there
            return xp.empty(size, tensor.array.dtype), xp.empty(size, tensor.array.dtype)
        if key not in self._blocks:
            self._blocks[key] = (xp.empty(BLOCK, tensor.array.dtype), xp.empty(BLOCK, tensor.array.dtype))
        first, second = self._blocks[key]
        return first[:size], second[:size]


def descent(
    xp: Any, p: Array, gradient: Array, group: dict[str, Any], result: Array, work: Array, penalty: bool = True
) -> Array:
    """The direction that a step goes down along: ``gradient``, or its negative to maximise, plus weight_decay · p.

    ``gradient`` itself where it needs neither, else ``result``, written anew. The ``penalty`` is left out where a rule
    shrinks the weights directly.
    """
    if group["maximize"]:
        gradient = xp.negative(gradient, out=result)
    if penalty and group["weight_decay"]:
        xp.multiply(p, group["weight_decay"], out=work)
        gradient = xp.add(gradient, work, out=result)
    return gradient
