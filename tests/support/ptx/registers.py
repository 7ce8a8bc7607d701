"""The registers of all threads of the blocks that run at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ptx.errors import PtxError
from ptx.lanes import WARP, Lanes
from ptx.operands import Both, Place, Register, Sink
from ptx.types import BOOL, UINT64, bits_of

# What a register holds before its first write: a NaN in both widths of float.
POISON = 0x7FF8DEAD7FC0DEAD

Extent = tuple[int, int, int]


class Registers:
    """``bits[number]`` is one register of every thread, ``special`` what the hardware says of each thread."""

    def __init__(self, declared: Sequence[Register], addresses: dict[str, int], special: dict[str, np.ndarray]):
        self.addresses = addresses
        self.special = special
        self.threads = len(special["%laneid"])
        self.bits = [self._fresh(register.dtype) for register in declared]
        self.carry = np.zeros(self.threads, np.bool_)

    def _fresh(self, dtype: np.dtype) -> np.ndarray:
        bits = bits_of(dtype)
        return np.full(self.threads, False if bits == BOOL else POISON & ((1 << 8 * bits.itemsize) - 1), bits)

    def write(self, operand: Any, value: Any, lanes: Lanes) -> None:
        """A narrower value is extended to the register's width as its own type says: by its sign, or by zeros."""
        if isinstance(operand, Sink):
            return
        if isinstance(operand, Both):
            operand = operand.value
        if not isinstance(operand, Register):
            raise PtxError(f"{operand} cannot be written")
        held = self.bits[operand.number]
        if value.dtype == held.dtype:
            held[lanes.index] = value
        elif value.dtype == BOOL or held.dtype == BOOL or value.dtype.itemsize > held.itemsize:
            raise PtxError(f"{operand.name} is declared {operand.dtype} and cannot hold a {value.dtype}")
        elif value.dtype.itemsize == held.itemsize:
            held[lanes.index] = value.view(held.dtype)
        else:
            narrow = value.view(bits_of(value.dtype)) if value.dtype.kind == "f" else value
            held[lanes.index] = narrow.astype(held.dtype)

    def address(self, place: Place, lanes: Lanes) -> np.ndarray:
        """The addresses of ``[base + offset]``, as signed numbers so that a negative one is seen."""
        if isinstance(place.base, Register):
            base = place.base.read(self, bits_of(place.base.dtype), lanes).astype(np.int64)
        else:
            base = np.full(lanes.count, place.base.read(self, UINT64, lanes), np.int64)
        return base + place.offset if place.offset else base


def special_registers(blocks: np.ndarray, grid: Extent, block: Extent, shared_bytes: int) -> dict[str, np.ndarray]:
    """The special registers of every thread; ``blocks`` are the linear numbers of the blocks that run at once."""
    size = block[0] * block[1] * block[2]
    padded = -(-size // WARP) * WARP
    thread = np.tile(np.arange(padded), len(blocks))
    number = np.repeat(blocks, padded)
    lane = thread % WARP
    special = {"%laneid": lane, "%warpid": thread // WARP, "%dynamic_smem_size": np.full(len(thread), shared_bytes)}
    special["%nwarpid"] = np.full(len(thread), padded // WARP)
    for axis, name in enumerate("xyz"):
        special[f"%tid.{name}"] = thread // int(np.prod(block[:axis], dtype=int)) % block[axis]
        special[f"%ctaid.{name}"] = number // int(np.prod(grid[:axis], dtype=int)) % grid[axis]
        special[f"%ntid.{name}"] = np.full(len(thread), block[axis])
        special[f"%nctaid.{name}"] = np.full(len(thread), grid[axis])
    below = (np.int64(1) << lane) - 1
    masks = {"lt": below, "le": 2 * below + 1, "eq": below + 1, "ge": 0xFFFFFFFF - below, "gt": 0xFFFFFFFE - 2 * below}
    special |= {f"%lanemask_{name}": mask for name, mask in masks.items()}
    return {name: (values & 0xFFFFFFFF).astype(np.uint32) for name, values in special.items()}
