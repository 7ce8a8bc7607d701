"""Matrix products of a warp: ``ldmatrix`` and ``mma.sync`` on TF32.

TF32 is float32 of which the tensor cores ignore the 13 lowest bits: what was not rounded before is cut off. Products of
such numbers are exact. To add them up, with the number that is there, the tensor cores line all of them up with the
largest, and cut off what hangs over; so they do with the sum (Fasi, Higham, Mikaitis, Pranesh: Numerical behavior of
NVIDIA tensor cores). GPUs keep a few more bits than float32 meanwhile, a number that is not documented: none are kept
here, so that what is accurate enough here is so on all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ptx import rounding
from ptx.assembly import Instruction
from ptx.lanes import WARP, Lanes
from ptx.operands import items_of
from ptx.registry import Execute, opcode, unknown
from ptx.types import FLOAT32, FLOAT64, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine

IGNORED = np.uint32(0x1FFF)
ROW, COLUMN = np.arange(WARP) // 4, np.arange(WARP) % 4  # of a thread in a fragment of 8 rows and 4 columns


def tf32(bits: Any) -> np.ndarray:
    """The numbers that a tensor core sees, as float64."""
    return (bits & ~IGNORED).view(FLOAT32).astype(FLOAT64)


def stacked(machine: Machine, operands: tuple[Any, ...], lanes: Lanes) -> np.ndarray:
    """(warps, registers * 32): the registers of each warp's threads, one register behind the other."""
    bits = np.stack([machine.values(operand, UINT32, lanes) for operand in operands])
    return bits.reshape(len(operands), -1, WARP).transpose(1, 0, 2).reshape(-1, WARP * len(operands))


def places(rows: int, columns: int) -> np.ndarray:
    """Where the elements of a (rows, columns) matrix are in such a stack: registers of 8 x 4 elements, rows first."""
    row, column = np.indices((rows, columns))
    register = row // 8 + column // 4 * (rows // 8)
    return WARP * register + row % 8 * 4 + column % 4


def results_of(columns: int) -> np.ndarray:
    """(registers, 32): which element of a (16, columns) result each thread has in each register."""
    register = np.arange(columns // 2)[:, None]
    row = ROW + 8 * (register // 2 % 2)
    return row * columns + 8 * (register // 4) + 2 * COLUMN + register % 2


def accumulated(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """A B^T + C as tensor cores add up: (..., rows, k), (..., columns, k) and (..., rows, columns)."""
    terms = a[..., :, None, :] * b[..., None, :, :]
    largest = np.maximum(np.abs(terms).max(-1), np.abs(c))
    unit = np.exp2(np.frexp(largest)[1] - 24.0)  # of the last bit that the largest has in float32
    terms *= 1 / unit[..., None]
    total = np.trunc(terms, out=terms).sum(-1) + np.trunc(c / unit)
    return rounding.narrowed(total * unit, "rz")


@opcode("ldmatrix")
def load_matrix(instruction: Instruction) -> Execute:
    """Matrices of eight rows of 16 bytes. Thread t names row t; of each matrix it receives word t % 4 of row t // 4."""
    modifiers = instruction.modifiers
    if "trans" in modifiers or "m8n8" not in modifiers:
        raise unknown(instruction, "only whole 32-bit words are loaded here")
    results, place = items_of(instruction.operands[0]), instruction.operands[1]
    count = len(results)

    def execute(machine: Machine, lanes: Lanes) -> None:
        address = machine.registers.address(place, lanes).reshape(-1, WARP)[:, : 8 * count]
        threads = lanes.numbers.reshape(-1, WARP)
        at = machine.shared.locate(address.ravel(), threads[:, : 8 * count].ravel(), 16, "reads")
        rows = at.reshape(-1, count, 8)
        words = rows[:, :, ROW] + 4 * COLUMN  # (warps, matrices, threads)
        readers = np.broadcast_to(threads[:, None, :], words.shape)
        machine.shared.reads(words.ravel(), readers.ravel(), 4)
        machine.statistics.shared(instruction.name, (words // 4).reshape(-1, WARP))
        values = machine.shared.load(words, UINT32)
        for number, result in enumerate(results):
            machine.write(result, values[:, number].ravel(), lanes)

    return execute


@opcode("mma")
def multiply_accumulate(instruction: Instruction) -> Execute:
    """D = A B + C for a 16 x k matrix A and a k x 8 matrix B, k being 8 or 4."""
    modifiers = instruction.modifiers
    shape = next((modifier for modifier in modifiers if modifier in ("m16n8k8", "m16n8k4")), None)
    if shape is None or modifiers[-4:] != ("f32", "tf32", "tf32", "f32"):
        raise unknown(instruction)
    k = int(shape[-1])
    results, first, second, third = (items_of(operand) for operand in instruction.operands)
    in_a, in_b, in_c = places(16, k), places(8, k), results_of(8)  # the columns of B are rows here

    def execute(machine: Machine, lanes: Lanes) -> None:
        registers = tf32(stacked(machine, (*first, *second), lanes))
        a, b = registers[:, in_a], registers[:, WARP * len(first) + in_b]
        c = np.empty((len(a), 128))
        c[:, in_c.ravel()] = stacked(machine, third, lanes).view(FLOAT32)
        product = accumulated(a, b, c.reshape(-1, 16, 8)).reshape(-1, 128)[:, in_c]
        for number, result in enumerate(results):
            machine.write(result, product[:, number].ravel(), lanes)

    return execute
