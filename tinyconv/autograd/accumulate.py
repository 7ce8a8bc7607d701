"""What a backward pass brings is added to the ``grad`` of a leaf, or becomes it where nobody else holds its memory."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase, is_repeated
from tinyconv.backends import backend
from tinyconv.core import layout, pool
from tinyconv.core.arrays import Array, is_writable
from tinyconv.core.devices import array_module
from tinyconv.core.errors import GraphError

_HELD_ONCE = sys.getrefcount([object()][0]) + 1
"""The references to an object in one place, and the one in hand. (The list is gone before its element is counted.)"""


def settle(arrived: list[Any], create_graph: bool) -> None:
    """Add the gradient to that of the leaf, which stands before it in ``arrived``, and tell whoever waits for it."""
    leaf = arrived[0]
    if not leaf.requires_grad:  # it may have been told since its use that it needs no gradient any more
        return
    if leaf.has_node:
        raise GraphError(
            f"backward: a tensor of shape {leaf.shape} was a leaf when it was used, and has since been made a "
            "result by a write in place; use a tensor of its own for what is written"
        )
    accumulate(leaf, arrived, create_graph)
    if leaf.accumulated_hooks is not None:
        leaf.accumulated_hooks.call(leaf)


def accumulate(leaf: TensorBase, arrived: list[Any], create_graph: bool) -> None:
    """Add the gradient in ``arrived``, a list of which it is the last element, to that of ``leaf``.

    Each leaf owns its gradient and may write into it, but one cotangent may serve several leaves, or be the caller's
    own tensor: it is copied, unless ``arrived`` is the only place that holds it.
    """
    gradient = arrived[-1]
    if gradient.shape != leaf.shape:
        raise GraphError(f"a gradient of shape {gradient.shape} arrived at a leaf of shape {leaf.shape}")
    if create_graph:
        leaf.grad = gradient.clone() if leaf.grad is None else leaf.grad + gradient
        return
    if leaf.grad is None:
        del gradient
        leaf.grad = TensorBase.wrap(_own_array(arrived), leaf.device)
        return
    total = leaf.grad.array
    if not is_writable(total) or is_repeated(total):
        # A gradient that the user assigned, over memory that cannot be added to.
        total = layout.copy(total, array_module(leaf.device))
        leaf.grad = TensorBase.wrap(total, leaf.device)
    with np.errstate(all="ignore"):
        backend(leaf.device).add(total, gradient.array, total)
    leaf.grad.bump_version()


def _own_array(arrived: list[Any]) -> Array:
    """The gradient's array if nobody else has it, else a copy."""
    if sys.getrefcount(arrived[-1]) <= _HELD_ONCE and arrived[-1].node is None:
        array: Array = arrived[-1].array
        del arrived[-1].array
        held = [array]
        del array
        if _is_unshared(held) and is_writable(held[0]) and layout.is_engine_order(held[0]):
            return held[0]
        arrived[-1].array = held[0]
    source: Array = arrived[-1].array
    device = arrived[-1].device
    xp = array_module(device)
    copied = layout.empty(source.shape, source.dtype, xp)
    backend(device).multiply(source, xp.ones((), source.dtype), copied)
    return copied


def _is_unshared(held: list[Any]) -> bool:
    """Whether the array in ``held``, its last element, and the memory under it, are held by nobody else."""
    if sys.getrefcount(held[-1]) > _HELD_ONCE:
        return False
    if not isinstance(held[-1].base, type(held[-1])):
        return held[-1].base is None or pool.is_lent(held[-1].base)
    if sys.getrefcount(held[-1].base) > _HELD_ONCE or held[-1].base.nbytes != held[-1].nbytes:
        return False
    return held[-1].base.base is None or pool.is_lent(held[-1].base.base)
