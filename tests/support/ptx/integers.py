"""Integer arithmetic, logic and bit fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import refuse
from ptx.lanes import Lanes
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.types import BITS, BOOL, TYPES, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine

Values = Any


def elementwise(instruction: Instruction, compute: Callable[..., Values], dtype: Any = None) -> Execute:
    """Every operand but the first is read in the instruction's type, and the first takes the result."""
    dtype = dtype or type_of(instruction)
    result, *operands = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        machine.write(result, compute(*(machine.read(operand, dtype, lanes) for operand in operands)), lanes)

    return execute


def wide(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"{dtype.kind}{2 * dtype.itemsize}")


def high_product(a: Values, b: Values) -> Values:
    """The upper half of the product, which for 64 bits is put together from four products of halves."""
    dtype = a.dtype
    if dtype.itemsize < 8:
        return ((a.astype(wide(dtype)) * b.astype(wide(dtype))) >> (8 * dtype.itemsize)).astype(dtype)
    u, v = np.asarray(a).view(np.uint64), np.asarray(b).view(np.uint64)
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    u0, u1, v0, v1 = u & low, u >> half, v & low, v >> half
    middle = u1 * v0 + (u0 * v0 >> half)
    carried = u0 * v1 + (middle & low)
    high = u1 * v1 + (middle >> half) + (carried >> half)
    if dtype.kind == "i":  # read as unsigned, a negative number is 2^64 too large
        high = high - np.where(u >> np.uint64(63), v, 0) - np.where(v >> np.uint64(63), u, 0)
    return high.view(dtype)


def product(part: str) -> Callable[[Values, Values], Values]:
    if part == "wide":
        return lambda a, b: a.astype(wide(a.dtype)) * b.astype(wide(b.dtype))
    return high_product if part == "hi" else lambda a, b: a * b


def quotient(a: Values, b: Values) -> Values:
    """Rounded towards zero, as C does and ``//`` does not."""
    return (a - np.fmod(a, b)) // b


def divided(compute: Callable[[Values, Values], Values]) -> Callable[[Values, Values], Values]:
    def checked(a: Values, b: Values) -> Values:
        refuse(b == 0, "divides an integer by zero")
        return compute(a, b)

    return checked


def integer_division(instruction: Instruction) -> Execute:
    return elementwise(instruction, divided(quotient if instruction.opcode == "div" else np.fmod))


@opcode("rem")
def rem(instruction: Instruction) -> Execute:
    return integer_division(instruction)


@opcode("mad")
def mad(instruction: Instruction) -> Execute:
    """a * b + c, where a wide product has a wide c; with carries for numbers of several words."""
    if "cc" in instruction.modifiers:
        return carrying(instruction)
    dtype, part = type_of(instruction), instruction.modifiers[0]
    multiply, total = product(part), wide(dtype) if part == "wide" else dtype
    result, a, b, c = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        value = multiply(machine.read(a, dtype, lanes), machine.read(b, dtype, lanes))
        machine.write(result, value + machine.read(c, total, lanes), lanes)

    return execute


@opcode("addc", "subc", "madc")
def carrying(instruction: Instruction) -> Execute:
    """A word of a longer number: ``.cc`` leaves the carry (or borrow), the ``c`` at the opcode's end takes it."""
    name, modifiers = instruction.opcode, instruction.modifiers
    dtype = BITS[type_of(instruction).itemsize]
    takes, leaves = name.endswith("c"), "cc" in modifiers
    result, *operands = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        values = [machine.values(operand, dtype, lanes) for operand in operands]
        a, b = values if len(values) == 2 else (product(modifiers[0])(values[0], values[1]), values[2])
        carry = machine.registers.carry[lanes.index].astype(dtype) if takes else np.zeros(lanes.count, dtype)
        if name.startswith("sub"):
            value = a - b - carry
            over = (a < b) | ((a == b) & (carry > 0))
        else:
            value = a + b + carry
            over = (value < a) | ((value == a) & (carry > 0) & (b > 0))
        if leaves:
            machine.registers.carry[lanes.index] = over
        machine.write(result, value, lanes)

    return execute


@opcode("and", "or", "xor")
def logic(instruction: Instruction) -> Execute:
    return elementwise(
        instruction, {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[instruction.opcode]
    )


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


@opcode("sad")
def distance(instruction: Instruction) -> Execute:
    return elementwise(instruction, lambda a, b, c: c + np.where(a < b, b - a, a - b))


@opcode("slct")
def select_by_sign(instruction: Instruction) -> Execute:
    value, sign = (TYPES[modifier] for modifier in instruction.modifiers[-2:])
    result, a, b, c = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        chosen = machine.values(c, sign, lanes) >= 0
        machine.write(result, np.where(chosen, machine.read(a, value, lanes), machine.read(b, value, lanes)), lanes)

    return execute


@opcode("selp")
def select(instruction: Instruction) -> Execute:
    dtype = type_of(instruction)
    result, a, b, condition = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        chosen = machine.values(condition, BOOL, lanes)
        machine.write(result, np.where(chosen, machine.read(a, dtype, lanes), machine.read(b, dtype, lanes)), lanes)

    return execute
