"""Logic, shifts, bit fields, and counting bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.integers import elementwise
from ptx.lanes import Lanes
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.types import BITS, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine

Values = Any
LOGIC = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}


@opcode("and", "or", "xor")
def logic(instruction: Instruction) -> Execute:
    return elementwise(instruction, LOGIC[instruction.opcode])


@opcode("not")
def invert(instruction: Instruction) -> Execute:
    return elementwise(instruction, np.invert)


@opcode("cnot")
def is_zero(instruction: Instruction) -> Execute:
    return elementwise(instruction, lambda a: (a == 0).astype(a.dtype))


@opcode("lop3")
def any_logic(instruction: Instruction) -> Execute:
    """Any function of three bits: bit number 4a + 2b + c of the table is the result."""

    def compute(a: Values, b: Values, c: Values, table: Values) -> Values:
        value = np.zeros_like(a | b | c)
        for row in range(8):
            if int(table) >> row & 1:
                value = value | (a if row & 4 else ~a) & (b if row & 2 else ~b) & (c if row & 1 else ~c)
        return value

    return elementwise(instruction, compute)


@opcode("shl", "shr")
def shift(instruction: Instruction) -> Execute:
    """By up to the width; further bits shift out as well."""
    dtype = type_of(instruction)
    if instruction.opcode == "shr" and instruction.modifiers[-1].startswith("b"):
        dtype = BITS[dtype.itemsize]
    move = np.left_shift if instruction.opcode == "shl" else np.right_shift
    result, value, amount = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        by = np.minimum(machine.read(amount, UINT32, lanes), np.uint32(8 * dtype.itemsize)).astype(dtype)
        machine.write(result, move(machine.read(value, dtype, lanes), by), lanes)

    return execute


@opcode("shf")
def funnel_shift(instruction: Instruction) -> Execute:
    """The 64 bits b:a, shifted; the upper word of a left shift, the lower word of a right one."""
    left, mode = instruction.modifiers[0] == "l", instruction.modifiers[1]

    def compute(a: Values, b: Values, c: Values) -> Values:
        by = (c & np.uint32(31) if mode == "wrap" else np.minimum(c, np.uint32(32))).astype(np.uint64)
        both = b.astype(np.uint64) << np.uint64(32) | a.astype(np.uint64)
        moved = both << by >> np.uint64(32) if left else both >> by
        return moved.astype(np.uint32)

    return elementwise(instruction, compute)


@opcode("bfe")
def extract_field(instruction: Instruction) -> Execute:
    """``length`` bits from ``start``, extended by the field's uppermost bit where the type is signed."""
    dtype = type_of(instruction)
    width, bits = 8 * dtype.itemsize, BITS[dtype.itemsize]
    result, *operands = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        value = machine.values(operands[0], dtype, lanes)
        start, length = (machine.values(operand, UINT32, lanes) & np.uint32(0xFF) for operand in operands[1:])
        field = np.right_shift(value, np.minimum(start, width).astype(dtype)).view(bits) & _ones(length, bits)
        if dtype.kind == "i":
            last = np.minimum(start + length - np.uint32(1), np.uint32(width - 1)).astype(dtype)
            negative = (value >> last & dtype.type(1) > 0) & (length > 0)
            field = np.where(negative, field | ~_ones(length, bits), field)
        machine.write(result, field, lanes)

    return execute


@opcode("bfi")
def insert_field(instruction: Instruction) -> Execute:
    """The lowest ``length`` bits of a, put into b from ``start`` on."""
    dtype = type_of(instruction)
    result, *operands = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        a, b = (machine.values(operand, dtype, lanes) for operand in operands[:2])
        start, length = (machine.values(operand, UINT32, lanes) & np.uint32(0xFF) for operand in operands[2:])
        by = np.minimum(start, 8 * dtype.itemsize).astype(dtype)
        mask = _ones(length, dtype) << by
        machine.write(result, b & ~mask | a << by & mask, lanes)

    return execute


def _ones(length: Values, dtype: np.dtype) -> Values:
    """Numbers whose lowest ``length`` bits are set."""
    width = dtype.type(8 * dtype.itemsize)
    short = (dtype.type(1) << np.minimum(length, width - dtype.type(1)).astype(dtype)) - dtype.type(1)
    return np.where(length >= width, ~dtype.type(0), short)


@opcode("prmt")
def permute_bytes(instruction: Instruction) -> Execute:
    """Each byte of the result is the one of b:a that its four selecting bits name; their highest spreads its sign."""
    if instruction.modifiers != ("b32",):
        raise unknown(instruction)

    def compute(a: Values, b: Values, selector: Values) -> Values:
        both = b.astype(np.uint64) << np.uint64(32) | a.astype(np.uint64)
        result = np.zeros(np.broadcast_shapes(np.shape(both), np.shape(selector)), np.uint64)
        for place in range(4):
            choice = selector.astype(np.uint64) >> np.uint64(4 * place)
            byte = both >> (choice & np.uint64(7)) * np.uint64(8) & np.uint64(0xFF)
            sign = np.where(byte >> np.uint64(7) > 0, np.uint64(0xFF), np.uint64(0))
            result |= np.where(choice & np.uint64(8) > 0, sign, byte) << np.uint64(8 * place)
        return result.astype(np.uint32)

    return elementwise(instruction, compute)


def counting(instruction: Instruction, compute: Callable[[Values], Values]) -> Execute:
    """The result is a 32-bit count, whatever the width of what is counted."""
    return elementwise(instruction, lambda a: np.asarray(compute(np.atleast_1d(a))).astype(np.uint32))


@opcode("popc")
def count_ones(instruction: Instruction) -> Execute:
    return counting(instruction, np.bitwise_count)


@opcode("clz")
def count_leading_zeros(instruction: Instruction) -> Execute:
    width = 8 * type_of(instruction).itemsize
    return counting(instruction, lambda a: width - 1 - _highest(a))


@opcode("bfind")
def find_highest(instruction: Instruction) -> Execute:
    """The place of the highest bit that is not the sign's; all ones where there is none."""
    width = 8 * type_of(instruction).itemsize

    def compute(a: Values) -> Values:
        place = _highest(np.where(a < 0, ~a, a))
        return np.where(place >= 0, width - 1 - place, place) if "shiftamt" in instruction.modifiers else place

    return counting(instruction, compute)


def _highest(a: Values) -> Values:
    """The place of the highest set bit, -1 for none."""
    bits = a.view(BITS[a.dtype.itemsize]).astype(np.uint64)
    for step in (1, 2, 4, 8, 16, 32):
        bits = bits | bits >> np.uint64(step)
    return np.bitwise_count(bits).astype(np.int64) - 1


@opcode("brev")
def reverse_bits(instruction: Instruction) -> Execute:
    def compute(a: Values) -> Values:
        octets = np.ascontiguousarray(np.atleast_1d(a)).view(np.uint8).reshape(-1, a.dtype.itemsize)
        return np.packbits(np.unpackbits(octets, axis=1, bitorder="little")[:, ::-1], axis=1, bitorder="little").view(
            a.dtype
        )[:, 0]

    return elementwise(instruction, compute)
