"""Integer arithmetic, and choosing between values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import refuse
from ptx.lanes import Lanes
from ptx.registry import Execute, opcode, type_of
from ptx.types import BITS, BOOL, TYPES

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
            over = (value < a) | ((value == a) & (carry > 0))
        if leaves:
            machine.registers.carry[lanes.index] = over
        machine.write(result, value, lanes)

    return execute


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
