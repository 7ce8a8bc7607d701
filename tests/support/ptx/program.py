"""A program and its launch."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

# Imported for the instructions that they register.
from ptx import accesses, atomics, bits, conversions, floats, integers, tensor, warps  # noqa: F401
from ptx.assembly import JUMPS, Assembler
from ptx.errors import PtxError
from ptx.lanes import WARP
from ptx.machine import Launch, Machine, members_of
from ptx.memory import Memory
from ptx.parsing import parse
from ptx.shared import WINDOW
from ptx.statistics import Statistics
from ptx.types import BITS

THREADS_AT_ONCE = 4096
SHARED_LIMIT = 227 * 1024  # of a block, on sm_90
FORMATS = {"f4": "<f", "f8": "<d"}


class Program:
    """One kernel of a PTX text: its only ``.entry``, or the one of that name."""

    def __init__(self, ptx: str, entry: str | None = None):
        module = parse(ptx)
        entries = [
            function for function in module.functions.values() if function.entry and entry in (None, function.name)
        ]
        if len(entries) != 1:
            raise PtxError(f"one entry is wanted, and the text has {[function.name for function in entries]}")
        self.name = entries[0].name
        self.parameters = entries[0].parameters
        assembled = Assembler(module, entries[0])
        self.code = assembled.instructions
        self.registers = assembled.registers
        self.frame, self.frame_bytes = assembled.frame, assembled.frame_bytes
        self.variables = module.variables
        for instruction in self.code:
            instruction.members = members_of(instruction)
        jumps = (place + 1 for place, instruction in enumerate(self.code) if instruction.opcode in JUMPS)
        gathering = (place for place, instruction in enumerate(self.code) if instruction.members is not None)
        self.leaders = frozenset(assembled.labels.values()) | frozenset(jumps) | frozenset(gathering)

    def layout(self) -> tuple[dict[str, int], int]:
        """Where shared variables lie, and how many bytes the static ones take.

        Nothing promises more than 16 bytes of alignment, so that none gets more: the first lies at 16 modulo 1024.
        """
        addresses, top = {}, WINDOW + 16
        shared = [variable for variable in self.variables if variable.space == "shared"]
        for variable in sorted(shared, key=lambda variable: variable.bytes is None):
            align = max(16, variable.align)
            top = -(-top // align) * align
            addresses[variable.name] = top
            top += variable.bytes or 0
        return addresses, top - WINDOW

    def packed(self, arguments: Sequence[Any]) -> tuple[dict[str, int], bytes]:
        """The parameters as a launch packs them: where each lies, and all their bytes."""
        if len(arguments) != len(self.parameters):
            raise PtxError(f"{self.name} has {len(self.parameters)} parameters, and {len(arguments)} arguments came")
        places, data = {}, b""
        for parameter, argument in zip(self.parameters, arguments, strict=True):
            data += bytes(-len(data) % parameter.align)
            places[parameter.name] = len(data)
            if isinstance(argument, bytes):
                data += argument
            elif isinstance(argument, float | np.floating):
                data += struct.pack(FORMATS[f"f{parameter.dtype.itemsize}"], argument)
            else:
                bits = BITS[parameter.dtype.itemsize]
                data += bits.type(int(argument) & ((1 << 8 * bits.itemsize) - 1)).tobytes()
        return places, data


def run(
    program: Program,
    memory: Memory,
    grid: int | Sequence[int],
    block: int | Sequence[int],
    arguments: Sequence[Any],
    shared: int = 0,
    limit: int = 2_000_000,
) -> Statistics:
    """Launch ``program`` and wait for it; ``shared`` is in bytes, ``limit`` in instructions of one batch of blocks.

    Raises PtxError, which names the instruction, the thread and the fault.
    """
    extents = [tuple([*_tuple(extent), 1, 1][:3]) for extent in (grid, block)]
    size, blocks = int(np.prod(extents[1])), int(np.prod(extents[0]))
    if not 0 < size <= 1024 or blocks <= 0:
        raise PtxError(f"a grid of {extents[0]} blocks of {extents[1]} threads cannot be launched")
    addresses, static = program.layout()
    if static + shared - 16 > SHARED_LIMIT:
        raise PtxError(f"{static + shared - 16} bytes of shared memory are asked for: a block has {SHARED_LIMIT}")
    places, packed = program.packed(arguments)
    addresses |= places | program.frame
    memory.begin()
    for variable in program.variables:
        if variable.space in ("global", "const"):
            content = variable.values if variable.values is not None else np.zeros(variable.bytes or 0, np.uint8)
            addresses[variable.name] = memory.constant(content)
    launch = Launch(
        program.code,
        program.leaders,
        program.registers,
        addresses,
        packed,
        memory,
        program.frame_bytes,
        static,
        shared,
        extents[0],
        extents[1],
    )
    statistics = Statistics()
    at_once = max(1, THREADS_AT_ONCE // (-(-size // WARP) * WARP))
    with np.errstate(all="ignore"):
        for first in range(0, blocks, at_once):
            Machine(launch, np.arange(first, min(blocks, first + at_once)), statistics).run(limit)
    return statistics


def _tuple(extent: int | Sequence[int]) -> tuple[int, ...]:
    return (extent,) if isinstance(extent, int) else tuple(int(axis) for axis in extent)


def array_arguments(address: int, shape: int | Sequence[int], dtype: Any) -> list[int]:
    """The parameters that Numba makes of one C-contiguous array: two pointers it does not use, the number of items and
    their size, the address, and the shape and the strides."""
    shape, size = _tuple(shape), np.dtype(dtype).itemsize
    strides = [size * int(np.prod(shape[axis + 1 :], dtype=int)) for axis in range(len(shape))]
    return [0, 0, int(np.prod(shape, dtype=int)), size, address, *shape, *strides]
