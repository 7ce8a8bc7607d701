"""Matrix products of four warps: ``wgmma`` on TF32, which reads shared memory behind the threads' backs.

An accumulator belongs to the tensor core from the first product to the waiting: meanwhile its registers hold NaN here,
and the shared memory that is being read must not be written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import ThreadError, refuse
from ptx.lanes import WARP, Lanes
from ptx.operands import Vector, items_of
from ptx.registry import Execute, opcode, unknown
from ptx.shared import DRAINING, UNFENCED, WORD
from ptx.tensor import COLUMN, ROW, fragment, tf32
from ptx.types import BOOL, FLOAT32, TYPES, UINT32, UINT64

if TYPE_CHECKING:
    from ptx.machine import Machine

GROUP = 4 * WARP
# Bytes of a row before the pattern repeats, by the descriptor's two uppermost bits; 0: rows of 16 bytes, not swizzled.
SWIZZLES = {0: 16, 1: 128, 2: 64, 3: 32}


@dataclass(eq=False)
class Product:
    """A product in flight: whose, what it reads, and which batch it was committed to (-1: none yet)."""

    threads: np.ndarray
    words: np.ndarray
    readers: np.ndarray
    registers: list[Any]
    batch: np.ndarray


class WarpGroups:
    def __init__(self, machine: Machine):
        self.machine = machine
        self.committed = np.zeros(machine.total, np.int64)
        self.fenced = np.zeros(machine.total, np.bool_)
        self.flying: list[Product] = []
        self.accumulators: dict[int, np.ndarray] = {}  # register: its true values
        self.owned: dict[int, np.ndarray] = {}  # register: in which threads the tensor core has it

    def accumulator(self, register: Any, lanes: Lanes) -> np.ndarray:
        """Its values, wherever they are."""
        values = self.machine.values(register, FLOAT32, lanes).copy()
        if register.number in self.owned:
            owned = self.owned[register.number][lanes.index]
            values[owned] = self.accumulators[register.number][lanes.index][owned]
        return values

    def keep(self, register: Any, values: np.ndarray, lanes: Lanes) -> None:
        if register.number not in self.owned:
            self.owned[register.number] = np.zeros(self.machine.total, np.bool_)
            self.accumulators[register.number] = np.zeros(self.machine.total, np.float32)
        self.owned[register.number][lanes.index] = True
        self.accumulators[register.number][lanes.index] = values
        self.machine.write(register, np.full(lanes.count, np.nan, np.float32), lanes)

    def issue(self, product: Product) -> None:
        shared = self.machine.shared
        shared.flags[product.words] |= np.uint8(DRAINING)
        self.flying.append(product)

    def commit(self, lanes: Lanes) -> None:
        self.committed[lanes.index] += 1

    def wait(self, lanes: Lanes, pending: int) -> None:
        """Until at most the ``pending`` latest batches are in flight; their accumulators come back."""
        last = np.where(lanes.mask, self.committed - pending, 0)
        done = [product for product in self.flying if (product.batch < last[product.threads]).all()]
        self.flying = [product for product in self.flying if product not in done]
        shared = self.machine.shared
        for product in done:
            shared.flags[product.words] &= ~np.uint8(DRAINING)
            shared.stamp_reads(product.words, product.readers)
        for product in self.flying:
            shared.flags[product.words] |= np.uint8(DRAINING)
        busy = {
            register.number
            for product in self.flying
            for register in product.registers
            if lanes.mask[product.threads].any()
        }
        for product in done:
            theirs = Lanes(product.threads, self.machine.total)
            for register in product.registers:
                if register.number not in busy and self.owned[register.number][theirs.index].any():
                    self.machine.write(register, self.accumulators[register.number][theirs.index], theirs)
                    self.owned[register.number][theirs.index] = False
        self.fenced[lanes.index] = False


@opcode("wgmma")
def wgmma(instruction: Instruction) -> Execute:
    kind = instruction.modifiers[0]
    if kind == "fence":

        def fence(machine: Machine, lanes: Lanes) -> None:
            machine.warp_groups.fenced[lanes.index] = True

        return fence
    if kind == "commit_group":
        return lambda machine, lanes: machine.warp_groups.commit(lanes)
    if kind == "wait_group":
        pending = int(instruction.operands[0].value(UINT32))
        return lambda machine, lanes: machine.warp_groups.wait(lanes, pending)
    return _multiply(instruction)


def _multiply(instruction: Instruction) -> Execute:
    """D = A B, or D += A B where the predicate says so; A of shared memory or registers, B of shared memory."""
    shape = re.fullmatch(r"m64n(\d+)k8", instruction.modifiers[3] if len(instruction.modifiers) > 3 else "")
    if shape is None or instruction.modifiers[-3:] != ("f32", "tf32", "tf32"):
        raise unknown(instruction)
    n = int(shape[1])
    results = items_of(instruction.operands[0])
    first, second, scale, *signs = instruction.operands[1:]
    sign = np.prod([int(operand.value(TYPES["s32"])) for operand in signs], dtype=int)
    if len(results) != n // 2:
        raise unknown(instruction, f"{len(results)} accumulators for n = {n}")

    def execute(machine: Machine, lanes: Lanes) -> None:
        members = np.bincount(lanes.numbers // GROUP)
        groups = np.flatnonzero(members)
        partial = members[lanes.numbers // GROUP] != GROUP
        partial |= machine.warps % 4 != 0
        refuse(partial, "multiplies in a group of four warps that are not all here")
        refuse(~machine.warp_groups.fenced[lanes.index], "multiplies without a wgmma.fence before")
        read: list[np.ndarray] = []
        if isinstance(first, Vector):
            registers = [tf32(machine.values(item, UINT32, lanes)).reshape(-1, WARP) for item in first.items]
            a = fragment(registers, 16, 8).reshape(len(groups), 64, 8)
        else:
            a = _matrix(machine, machine.values(first, UINT64, lanes), lanes, 64, read)
        b = _matrix(machine, machine.values(second, UINT64, lanes), lanes, n, read)
        product = sign * np.matmul(a, b.transpose(0, 2, 1))  # (groups, 64, n)
        product = product.reshape(-1, 16, n)  # of each warp
        adds = machine.values(scale, BOOL, lanes)
        for number, result in enumerate(results):
            part = product[:, ROW + 8 * (number // 2 % 2), 8 * (number // 4) + 2 * COLUMN + number % 2].ravel()
            old = machine.warp_groups.accumulator(result, lanes)
            machine.warp_groups.keep(result, (part + np.where(adds, old, 0)).astype(FLOAT32), lanes)
        words = np.concatenate([words.ravel() for words in read])
        readers = np.concatenate(
            [_first(lanes)[np.arange(words.size) // (words.size // len(groups))] for words in read]
        )
        batch = machine.warp_groups.committed[lanes.numbers]
        machine.warp_groups.issue(Product(lanes.numbers, words, readers, list(results), batch))

    return execute


def _first(lanes: Lanes) -> np.ndarray:
    return lanes.numbers.reshape(-1, GROUP)[:, 0]


def _matrix(machine: Machine, descriptors: np.ndarray, lanes: Lanes, rows: int, read: list[np.ndarray]) -> np.ndarray:
    """(groups, rows, 8) of shared memory, as a descriptor lays it out: eight rows, then the next eight."""
    each = descriptors.reshape(-1, GROUP)
    refuse((each != each[:, :1]).ravel(), "multiplies with a descriptor that differs among the threads")
    start, leading, stride = (
        (each[:, 0] >> np.uint64(bit) & np.uint64(0x3FFF)).astype(np.int64) << 4 for bit in (0, 16, 32)
    )
    kinds, offsets = (each[:, 0] >> np.uint64(62)).astype(int), each[:, 0] >> np.uint64(49) & np.uint64(7)
    unusual = (kinds != kinds[0]) | (offsets != 0)
    refuse(np.repeat(unusual, GROUP), "multiplies with a base offset in its descriptor, or with several swizzles")
    width = SWIZZLES[int(kinds[0])]
    misplaced = np.repeat((width > 16) & (start % (8 * width) >= width), GROUP)
    refuse(misplaced, f"multiplies a matrix swizzled over {width} bytes that begins at no multiple of {8 * width}")
    row, byte = np.arange(rows)[:, None], WORD * np.arange(8)
    if width == 16:
        inside = row % 8 * 16 + byte % 16 + leading[:, None, None] * (byte // 16)
    else:
        inside = row % 8 * width + byte
    address = start[:, None, None] + row // 8 * stride[:, None, None] + inside
    if width > 16:
        address ^= (address >> 7 & (width // 16 - 1)) << 4
    owner = np.broadcast_to(_first(lanes)[:, None, None], address.shape)
    try:
        at = machine.shared.locate(address.ravel(), owner.ravel(), WORD, "multiplies")
        words = at // WORD
        _check(machine, words, owner.ravel())
    except ThreadError as error:
        raise ThreadError(str(error), error.first // (rows * 8) * GROUP) from None
    read.append(words.reshape(len(each), -1))
    return tf32(machine.shared.load(at, UINT32)).reshape(address.shape)


def _check(machine: Machine, words: np.ndarray, owners: np.ndarray) -> None:
    """What holds for every reader; and that what ordinary instructions wrote was fenced for the asynchronous proxy."""
    shared = machine.shared
    shared.reads(words * WORD, owners, WORD)
    unfenced = shared.flags[words] & UNFENCED != 0
    refuse(unfenced, "multiplies what ordinary instructions wrote, with no fence.proxy.async between")
