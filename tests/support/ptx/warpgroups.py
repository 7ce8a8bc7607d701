"""Matrix products of four warps: ``wgmma`` on TF32, which reads shared memory behind the threads' backs.

An accumulator belongs to the tensor core from the first product to the waiting: meanwhile its registers hold NaN here,
and the shared memory that is being read must not be written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import ThreadError, refuse
from ptx.lanes import WARP, Lanes
from ptx.operands import Register, Vector, items_of
from ptx.registry import Execute, opcode, unknown
from ptx.shared import DRAINING, UNFENCED, WORD
from ptx.tensor import accumulated, places, results_of, stacked, tf32
from ptx.types import BOOL, FLOAT32, TYPES, UINT32, UINT64

if TYPE_CHECKING:
    from ptx.machine import Machine

GROUP = 4 * WARP
# Bytes of a row before the pattern repeats, by the descriptor's two uppermost bits; 0: rows of 16 bytes, not swizzled.
SWIZZLES = {0: 16, 1: 128, 2: 64, 3: 32}


@dataclass(eq=False)
class Product:
    """One group's product in flight: what it reads, and the batch of each thread."""

    threads: np.ndarray
    words: np.ndarray
    accumulators: Accumulators
    batch: np.ndarray


@dataclass(eq=False)
class Accumulators:
    """Registers that hold one product's result: their true values, and for which threads the tensor core has them."""

    registers: tuple[Register, ...]
    values: np.ndarray
    owned: np.ndarray


class WarpGroups:
    def __init__(self, machine: Machine):
        self.machine = machine
        self.committed = np.zeros(machine.total, np.int64)
        self.waited = np.zeros(machine.total, np.int64)
        self.fenced = np.zeros(machine.total, np.bool_)
        self.flying: list[Product] = []
        self.held: dict[tuple[int, ...], Accumulators] = {}

    def accumulators(self, registers: tuple[Register, ...], lanes: Lanes) -> Accumulators:
        """Taken over by the tensor core: the threads find NaN in them from now on."""
        machine, key = self.machine, tuple(register.number for register in registers)
        if key not in self.held:
            values = np.zeros((len(key), machine.total), np.float32)
            self.held[key] = Accumulators(registers, values, np.zeros(machine.total, np.bool_))
        held = self.held[key]
        for other, accumulators in self.held.items():
            if other != key and set(other) & set(key):
                owned = accumulators.owned[lanes.index]
                refuse(owned, "multiplies into accumulators that another product in flight has")
        taken = lanes.where(~held.owned[lanes.index])
        for row, register in enumerate(registers):
            if taken.count:
                held.values[row, taken.index] = machine.values(register, FLOAT32, taken)
                machine.write(register, np.full(taken.count, np.nan, np.float32), taken)
        held.owned[taken.index] = True
        return held

    def issue(self, lanes: Lanes, words: np.ndarray, accumulators: Accumulators) -> None:
        """``words``: (groups, count), what each group of warps reads."""
        self.machine.shared.flags[words] |= np.uint8(DRAINING)
        for threads, read in zip(lanes.numbers.reshape(-1, GROUP), words, strict=True):
            self.flying.append(Product(threads, read, accumulators, self.committed[threads]))

    def commit(self, lanes: Lanes) -> None:
        self.committed[lanes.index] += 1

    def wait(self, lanes: Lanes, pending: int) -> None:
        """Until at most the ``pending`` latest batches of these threads are in flight: what they accumulate comes back.

        What a product reads is free once all of its warps have waited.
        """
        self.waited[lanes.index] = np.maximum(self.waited, self.committed - pending)[lanes.index]
        self.fenced[lanes.index] = False
        shared, flying, self.flying = self.machine.shared, self.flying, []
        busy = {id(product.accumulators): np.zeros(self.machine.total, np.bool_) for product in flying}
        for product in flying:
            shared.flags[product.words] &= ~np.uint8(DRAINING)
            left = product.threads[product.batch >= self.waited[product.threads]]
            busy[id(product.accumulators)][left] = True
            if left.size:
                self.flying.append(product)
            else:
                for first in product.threads[::WARP]:
                    shared.stamp_reads(product.words, np.full(product.words.shape, first))
        for product in self.flying:
            shared.flags[product.words] |= np.uint8(DRAINING)
        for held in {id(product.accumulators): product.accumulators for product in flying}.values():
            free = Lanes(np.flatnonzero(lanes.mask & held.owned & ~busy[id(held)]), self.machine.total)
            for row, register in enumerate(held.registers):
                self.machine.write(register, held.values[row, free.index], free)
            held.owned[free.index] = False


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
    in_a, in_c = places(16, 8), results_of(n)
    if len(results) != n // 2:
        raise unknown(instruction, f"{len(results)} accumulators for n = {n}")

    def execute(machine: Machine, lanes: Lanes) -> None:
        members = np.bincount(lanes.numbers // GROUP)
        partial = members[lanes.numbers // GROUP] != GROUP
        partial |= machine.warps % 4 != 0
        refuse(partial, "multiplies in a group of four warps that are not all here")
        refuse(~machine.warp_groups.fenced[lanes.index], "multiplies without a wgmma.fence before")
        read: list[np.ndarray] = []
        if isinstance(first, Vector):
            a = tf32(stacked(machine, first.items, lanes))[:, in_a].reshape(-1, 64, 8)
        else:
            a = _matrix(machine, machine.values(first, UINT64, lanes), lanes, 64, read)
        b = _matrix(machine, machine.values(second, UINT64, lanes), lanes, n, read)
        held = machine.warp_groups.accumulators(results, lanes)
        old = np.where(machine.values(scale, BOOL, lanes), held.values[:, lanes.index], 0)
        c = np.empty((lanes.count // WARP, 16 * n))
        c[:, in_c.ravel()] = old.reshape(len(results), -1, WARP).transpose(1, 0, 2).reshape(len(c), -1)
        product = accumulated(sign * a, b, c.reshape(-1, 64, n)).reshape(-1, 16 * n)[:, in_c]
        held.values[:, lanes.index] = product.transpose(1, 0, 2).reshape(len(results), -1)
        machine.warp_groups.issue(lanes, np.concatenate(read, axis=1), held)

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
