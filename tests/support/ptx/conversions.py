"""Moving, comparing, and converting from type to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptx import rounding
from ptx.assembly import Instruction
from ptx.floats import MODES, flushed
from ptx.lanes import Lanes
from ptx.operands import Both, Vector
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.spaces import WINDOWS
from ptx.types import BITS, BOOL, FLOAT32, FLOAT64, TYPES, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine

Values = Any
# Rounding of a float to an integer.
INTEGRAL = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


@opcode("mov")
def move(instruction: Instruction) -> Execute:
    """A register, a number, an address; or the halves of a register, taken apart or put together."""
    dtype = type_of(instruction)
    result, source = instruction.operands
    if isinstance(result, Vector):
        part = BITS[dtype.itemsize // len(result.items)]

        def take_apart(machine: Machine, lanes: Lanes) -> None:
            value = machine.values(source, dtype, lanes)
            parts = np.ascontiguousarray(value).view(part).reshape(lanes.count, -1)
            for place, item in enumerate(result.items):
                machine.write(item, parts[:, place], lanes)

        return take_apart
    if isinstance(source, Vector):
        part = BITS[dtype.itemsize // len(source.items)]

        def put_together(machine: Machine, lanes: Lanes) -> None:
            parts = [machine.values(item, part, lanes) for item in source.items]
            machine.write(result, np.stack(parts, 1).view(BITS[dtype.itemsize])[:, 0], lanes)

        return put_together

    def execute(machine: Machine, lanes: Lanes) -> None:
        machine.write(result, machine.read(source, dtype, lanes), lanes)

    return execute


@opcode("cvta")
def convert_address(instruction: Instruction) -> Execute:
    """To a generic address from one inside a window, or (``.to``) back."""
    modifiers = instruction.modifiers
    dtype = type_of(instruction)
    start = dtype.type(WINDOWS[modifiers[1 if "to" in modifiers else 0].split(":")[0]])
    result, source = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        value = machine.read(source, dtype, lanes)
        machine.write(result, value - start if "to" in modifiers else value + start, lanes)

    return execute


@opcode("isspacep")
def is_in_window(instruction: Instruction) -> Execute:
    space = instruction.modifiers[0].split(":")[0]
    result, source = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        value = machine.values(source, TYPES["u64"], lanes).astype(np.int64)
        machine.write(result, (value >> 40 == WINDOWS[space] >> 40) if WINDOWS[space] else value >> 40 >= 8, lanes)

    return execute


COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "lo": np.less,
    "ls": np.less_equal,
    "hi": np.greater,
    "hs": np.greater_equal,
}


def compare(how: str, a: Values, b: Values) -> Values:
    """Ordered comparisons are false with a NaN, unordered ones (``equ``, ``ltu`` ...) true; ``ne`` is ordered too."""
    if how in ("num", "nan"):
        either = np.isnan(a) | np.isnan(b)
        return either if how == "nan" else ~either
    outcome = COMPARISONS[how[:2]](a, b)
    if a.dtype.kind != "f":
        return outcome
    either = np.isnan(a) | np.isnan(b)
    return outcome | either if how.endswith("u") else outcome & ~either


@opcode("setp", "set")
def set_predicate(instruction: Instruction) -> Execute:
    """``p`` or ``p|q``: the comparison, and its opposite; each combined with a further predicate if there is one."""
    name, modifiers = instruction.opcode, instruction.modifiers
    how = modifiers[0]
    combine = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.get(modifiers[1])
    dtype = type_of(instruction)
    result, first, second, *further = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        a, b = machine.values(first, dtype, lanes), machine.read(second, dtype, lanes)
        if "ftz" in modifiers:
            a, b = flushed(a), flushed(b)
        outcome = compare(how, a, b)
        opposite = ~outcome
        if combine is not None:
            also = machine.read(further[0], BOOL, lanes)
            outcome, opposite = combine(outcome, also), combine(opposite, also)
        if name == "set":
            kind = TYPES[modifiers[-2]]
            outcome = np.where(outcome, kind.type(1) if kind.kind == "f" else ~kind.type(0), kind.type(0))
        machine.write(result, outcome, lanes)
        if isinstance(result, Both):
            machine.write(result.predicate, opposite, lanes)

    return execute


@opcode("cvt")
def convert(instruction: Instruction) -> Execute:
    modifiers = instruction.modifiers
    if modifiers[-2:] == ("tf32", "f32"):
        return _to_tf32(instruction)
    if not set(modifiers[-2:]) <= set(TYPES):
        raise unknown(instruction)
    target, source = (TYPES[modifier] for modifier in modifiers[-2:])
    integral = next((INTEGRAL[modifier] for modifier in modifiers if modifier in INTEGRAL), None)
    mode = next((modifier for modifier in modifiers if modifier in MODES), "rn")
    clamp, flush = "sat" in modifiers, "ftz" in modifiers
    result, operand = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        value = machine.values(operand, source, lanes)
        if flush and source == FLOAT32:
            value = flushed(value)
        if integral is not None and source.kind == "f":
            value = integral(value)
        value = converted(value, target, mode, clamp)
        machine.write(result, flushed(value) if flush and target == FLOAT32 else value, lanes)

    return execute


def converted(value: Values, target: np.dtype, mode: str, clamp: bool) -> Values:
    source = value.dtype
    if target.kind != "f":
        limits = np.iinfo(target)
        if source.kind == "f":  # out of range is the nearest that there is, a NaN is 0
            number = np.where(np.isnan(value), 0, value).astype(FLOAT64)
            low, high = number <= limits.min, number >= float(limits.max)
            inside = np.where(low | high, 0, number).astype(target)
            return np.where(low, target.type(limits.min), np.where(high, target.type(limits.max), inside))
        if clamp:
            ours = np.iinfo(source)
            value = np.clip(value, max(limits.min, ours.min), min(limits.max, ours.max))
        return value.astype(target)
    if source.kind != "f":
        if target == FLOAT32 and mode != "rn":
            wide = value.astype(FLOAT64)  # exact for 32 bits
            return rounding.narrowed(wide, mode)
        return value.astype(target)
    if target == FLOAT32 and source == FLOAT64:
        value = rounding.narrowed(value, mode)
    value = value.astype(target)
    return np.clip(np.where(np.isnan(value), 0, value), 0, 1).astype(target) if clamp else value


def _to_tf32(instruction: Instruction) -> Execute:
    """The 13 lowest bits rounded away: to nearest, and a tie away from zero (``.rna``) or to even (``.rn``)."""
    mode = instruction.modifiers[0]
    if mode not in ("rna", "rn"):
        raise unknown(instruction)
    result, operand = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        bits = machine.values(operand, UINT32, lanes)
        half = np.uint32(0x1000) if mode == "rna" else np.uint32(0xFFF) + (bits >> np.uint32(13) & np.uint32(1))
        finite = bits & np.uint32(0x7F800000) != 0x7F800000
        machine.write(result, np.where(finite, bits + half, bits) & np.uint32(0xFFFFE000), lanes)

    return execute
