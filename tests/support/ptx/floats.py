"""Float arithmetic, and the instructions whose name floats share with integers.

The approximations of the hardware (``.approx``) are computed in float64 and rounded: they are a little better here than
on any GPU, whose last bits are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ptx import rounding
from ptx.assembly import Instruction
from ptx.integers import carrying, elementwise, integer_division, product
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.types import FLOAT32, FLOAT64

Values = Any
MODES = ("rn", "rz", "rm", "rp")


def mode_of(instruction: Instruction) -> str:
    return next((modifier for modifier in instruction.modifiers if modifier in MODES), "rn")


def finished(instruction: Instruction, compute: Callable[..., Values]) -> Callable[..., Values]:
    """``compute``, with the flushing of denormals and the clamping that the instruction's modifiers ask for."""
    flush, clamp = "ftz" in instruction.modifiers, "sat" in instruction.modifiers
    if not flush and not clamp:
        return compute

    def then(*operands: Values) -> Values:
        result = compute(*(flushed(operand) for operand in operands)) if flush else compute(*operands)
        if clamp:
            result = np.clip(np.where(np.isnan(result), result.dtype.type(0), result), 0, 1).astype(result.dtype)
        return flushed(result) if flush else result

    return then


def flushed(values: Values) -> Values:
    small = np.abs(values) < np.finfo(values.dtype).tiny
    return np.where(small, np.copysign(values.dtype.type(0), values), values)


def arithmetic(instruction: Instruction, floats: Callable[..., Values], integers: Callable[..., Values]) -> Execute:
    if type_of(instruction).kind != "f":
        return elementwise(instruction, integers)
    return elementwise(instruction, finished(instruction, floats))


@opcode("add", "sub")
def add(instruction: Instruction) -> Execute:
    if "cc" in instruction.modifiers:
        return carrying(instruction)
    mode = mode_of(instruction)
    if instruction.opcode == "sub":
        return arithmetic(instruction, lambda a, b: rounding.add(a, -b, mode), np.subtract)
    return arithmetic(instruction, lambda a, b: rounding.add(a, b, mode), np.add)


@opcode("mul")
def multiply(instruction: Instruction) -> Execute:
    mode = mode_of(instruction)
    return arithmetic(instruction, lambda a, b: rounding.multiply(a, b, mode), product(instruction.modifiers[0]))


@opcode("fma")
def fma(instruction: Instruction) -> Execute:
    mode = mode_of(instruction)
    return elementwise(instruction, finished(instruction, lambda a, b, c: rounding.fma(a, b, c, mode)))


@opcode("div")
def divide(instruction: Instruction) -> Execute:
    """Integers towards zero; floats to nearest."""
    if type_of(instruction).kind != "f":
        return integer_division(instruction)
    if mode_of(instruction) != "rn":
        raise unknown(instruction, "rounding in a direction")
    return elementwise(instruction, finished(instruction, np.divide))


@opcode("neg")
def negate(instruction: Instruction) -> Execute:
    return arithmetic(instruction, np.negative, np.negative)


@opcode("abs")
def magnitude(instruction: Instruction) -> Execute:
    return arithmetic(instruction, np.abs, np.abs)


@opcode("min", "max")
def extremum(instruction: Instruction) -> Execute:
    """A float beats a NaN, unless the modifier asks for the NaN."""
    least = instruction.opcode == "min"
    through = "NaN" in instruction.modifiers
    floats = (np.minimum if least else np.maximum) if through else (np.fmin if least else np.fmax)
    return arithmetic(instruction, floats, np.minimum if least else np.maximum)


@opcode("copysign")
def copy_sign(instruction: Instruction) -> Execute:
    return elementwise(instruction, lambda sign, value: np.copysign(value, sign))


@opcode("testp")
def test_property(instruction: Instruction) -> Execute:
    tests = {
        "finite": np.isfinite,
        "infinite": np.isinf,
        "number": lambda a: ~np.isnan(a),
        "notanumber": np.isnan,
        "normal": lambda a: np.isfinite(a) & (np.abs(a) >= np.finfo(a.dtype).tiny),
        "subnormal": lambda a: (a != 0) & (np.abs(a) < np.finfo(a.dtype).tiny),
    }
    return elementwise(instruction, tests[instruction.modifiers[0]])


FUNCTIONS: dict[str, Callable[[Values], Values]] = {
    "sqrt": np.sqrt,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "rcp": lambda a: 1 / a,
    "ex2": np.exp2,
    "lg2": np.log2,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
}


@opcode(*FUNCTIONS)
def function(instruction: Instruction) -> Execute:
    """Of one operand. ``rcp.approx.ftz.f64`` and its kin give the upper word only, and programs count on that."""
    dtype, compute = type_of(instruction), FUNCTIONS[instruction.opcode]
    if mode_of(instruction) != "rn":
        raise unknown(instruction, "rounding in a direction")
    if dtype == FLOAT32:
        return elementwise(instruction, finished(instruction, lambda a: compute(a.astype(FLOAT64)).astype(FLOAT32)))
    if "approx" not in instruction.modifiers:
        return elementwise(instruction, compute)
    upper = np.uint64(0xFFFFFFFF00000000)
    return elementwise(instruction, lambda a: (np.atleast_1d(compute(a)).view(np.uint64) & upper).view(FLOAT64))
