"""Loads and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import ThreadError, refuse
from ptx.lanes import Lanes
from ptx.operands import Symbol, items_of
from ptx.registry import Execute, opcode, type_of
from ptx.spaces import READING, WRITING, Access, anywhere, space_of
from ptx.types import BITS

if TYPE_CHECKING:
    from ptx.machine import Machine


@opcode("ld", "ldu")
def load(instruction: Instruction) -> Execute:
    dtype, space = type_of(instruction), space_of(instruction)
    items, place = items_of(instruction.operands[0]), instruction.operands[1]
    if space == "param" and not is_own(place):
        return _load_parameter(instruction)

    def execute(machine: Machine, lanes: Lanes) -> None:
        def reach(found: str, access: Access, chosen: Any) -> None:
            source, parts = READING[found](access)
            values = [source.load(part, dtype) for part in parts]  # before a result overwrites an operand
            for item, value in zip(items, values, strict=True):
                machine.write(item, value, access.lanes)

        address = machine.registers.address(place, lanes)
        anywhere(space, Access(machine, instruction.name, address, lanes, dtype.itemsize, len(items)), reach)

    return execute


def is_own(place: Any) -> bool:
    """Whether a ``.param`` is a called function's, a variable of each thread, and not the kernel's."""
    return isinstance(place.base, Symbol) and "#" in place.base.name


def _load_parameter(instruction: Instruction) -> Execute:
    dtype = type_of(instruction)
    results, place = items_of(instruction.operands[0]), instruction.operands[1]

    def execute(machine: Machine, lanes: Lanes) -> None:
        first = int(machine.registers.address(place, lanes)[0])
        values = machine.parameters[first : first + dtype.itemsize * len(results)].view(dtype)
        for value, result in zip(values, results, strict=True):
            machine.write(result, value, lanes)

    return execute


@opcode("st")
def store(instruction: Instruction) -> Execute:
    dtype, space = type_of(instruction), space_of(instruction)
    place, items = instruction.operands[0], items_of(instruction.operands[1])

    def execute(machine: Machine, lanes: Lanes) -> None:
        values = [machine.values(item, dtype, lanes) for item in items]

        def reach(found: str, access: Access, chosen: Any) -> None:
            target, parts = WRITING[found](access)
            bits = [np.ascontiguousarray(value[chosen]).view(BITS[dtype.itemsize]) for value in values]
            for part, value in zip(parts, bits, strict=True):
                target.store(part, value)
            for part, value in zip(parts, bits, strict=True):
                lost = target.load(part, value.dtype) != value
                refuse(lost, "writes where another thread of the same instruction writes something else")

        address = machine.registers.address(place, lanes)
        anywhere(space, Access(machine, instruction.name, address, lanes, dtype.itemsize, len(items)), reach)

    return execute


@opcode("prefetch", "prefetchu", "nanosleep", "pmevent", "applypriority", "discard")
def nothing(instruction: Instruction) -> Execute:
    return lambda machine, lanes: None


@opcode("trap")
def trap(instruction: Instruction) -> Execute:
    def execute(machine: Machine, lanes: Lanes) -> None:
        raise ThreadError("gives up (trap)", 0)

    return execute
