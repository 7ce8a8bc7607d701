"""The blocks that run at once: who is where, who waits for whom.

Threads are free to part, as on hardware since Volta. Of those that can run, the ones furthest behind run together, as
many as stand at the same instruction, until the code forks or a label lets others join them. An instruction of whole
warps (``shfl.sync``, ``mma.sync``, ``bar.sync``) waits until every thread that it names has come; if some never come,
or a barrier is never complete, nobody can run, and that is the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ptx.assembly import Instruction
from ptx.barriers import Barriers
from ptx.copies import Copies
from ptx.errors import PtxError, ThreadError
from ptx.lanes import WARP, Lanes, bits_of_warps
from ptx.memory import LocalMemory, Memory
from ptx.operands import Number, Register
from ptx.registers import Extent, Registers, special_registers
from ptx.registry import decode
from ptx.shared import SharedMemory
from ptx.statistics import Statistics
from ptx.types import BOOL, UINT32
from ptx.warpgroups import WarpGroups
from ptx.writers import BLOCK

RUNNING, GATHERING, AT_BARRIER, DONE = range(4)
ALL = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Launch:
    """A program with everything that a launch gives it; ``leaders`` are where straight code begins."""

    code: list[Instruction]
    leaders: frozenset[int]
    registers: list[Register]
    addresses: dict[str, int]
    parameters: bytes
    memory: Memory
    local_bytes: int
    static_bytes: int
    dynamic_bytes: int
    grid: Extent
    block: Extent


class Machine:
    """One batch of blocks of a launch; ``blocks`` are their linear numbers in the grid."""

    def __init__(self, launch: Launch, blocks: np.ndarray, statistics: Statistics):
        self.launch, self.blocks, self.statistics = launch, blocks, statistics
        self.code, self.memory = launch.code, launch.memory
        self.parameters = np.frombuffer(launch.parameters + bytes(16), np.uint8)
        size = launch.block[0] * launch.block[1] * launch.block[2]
        self.warps = -(-size // WARP)  # of one block
        self.total = len(blocks) * self.warps * WARP
        special = special_registers(blocks, launch.grid, launch.block, launch.dynamic_bytes)
        self.registers = Registers(launch.registers, launch.addresses, special)
        self.shared = SharedMemory(len(blocks), self.warps, launch.static_bytes + launch.dynamic_bytes)
        self.local = LocalMemory(self.total, launch.local_bytes)
        within = np.arange(self.total) % (self.warps * WARP)
        self.identity = (np.repeat(blocks, self.warps * WARP) * BLOCK + within + 1).astype(np.int32)
        self.exists = within < size
        self.state = np.where(self.exists, RUNNING, DONE)
        self.counter = np.zeros(self.total, np.int64)
        self.phase = np.zeros(self.total, np.int32)  # how many barriers a thread's block has passed
        self.live = int(self.exists.sum())
        self.barriers = Barriers(self)
        self.copies = Copies(self)
        self.warp_groups = WarpGroups(self)

    def run(self, limit: int) -> None:
        """Until every thread has exited; ``limit`` bounds the instructions that one batch may take."""
        self.left = limit
        while self.live:
            running = np.flatnonzero(self.state == RUNNING)
            if not running.size:
                raise self._stuck()
            places = self.counter[running]
            first = int(places.min())
            self._straight(first, Lanes(running[places == first], self.total))

    def _straight(self, at: int, lanes: Lanes) -> None:
        """Run ``lanes`` from ``at`` to where they part, wait, exit, or others may join them."""
        alone = lanes.count == self.live
        while True:
            instruction = self.code[at]
            self.left -= 1
            if self.left < 0:
                raise PtxError(f"still running after very many instructions\n  {instruction}")
            active = lanes
            if instruction.opcode == "bra":
                at = self._branch(at, instruction, lanes)
                if at < 0:
                    return
            else:
                if instruction.guard is not None:
                    active = lanes.where(instruction.guard.read(self.registers, BOOL, lanes))
                if instruction.members is not None and active.count:
                    active = self._gather(at, instruction, lanes, active)
                    if active is None:
                        return
                    lanes, alone = active, active.count == self.live
                if active.count:
                    self.statistics.opcodes[instruction.name] += len(active.warps)
                    if instruction.opcode in ("ret", "exit"):
                        self.state[active.index] = DONE
                        self.counter[lanes.index] = at + 1
                        self.live -= active.count
                        return
                    if instruction.opcode in ("bar", "barrier") and instruction.modifiers[0] != "warp":
                        self.counter[active.index] = at + 1
                        self._attempt(instruction, active)
                        return
                    self._attempt(instruction, active)
                at += 1
            if not alone and at in self.launch.leaders:
                self.counter[lanes.index] = at
                return

    def _attempt(self, instruction: Instruction, lanes: Lanes) -> None:
        try:
            if instruction.execute is None:
                instruction.execute = decode(instruction)
            instruction.execute(self, lanes)
        except ThreadError as error:
            where = self.name_of(int(lanes.numbers[min(error.first, lanes.count - 1)]))
            raise PtxError(f"{where} {error}\n  {instruction}") from None
        except PtxError as error:
            if "\n" in str(error):
                raise
            raise PtxError(f"{error}\n  {instruction}") from None

    def _branch(self, at: int, instruction: Instruction, lanes: Lanes) -> int:
        """Where all go on; -1 where they part."""
        self.statistics.opcodes[instruction.name] += len(lanes.warps)
        if instruction.guard is None:
            return instruction.target
        taken = instruction.guard.read(self.registers, BOOL, lanes)
        if taken.all():
            return instruction.target
        if not taken.any():
            return at + 1
        self.counter[lanes.index] = np.where(taken, instruction.target, at + 1)
        return -1

    def _gather(self, at: int, instruction: Instruction, lanes: Lanes, active: Lanes) -> Lanes | None:
        """The threads that may carry out an instruction of whole warps now; the others wait here for the rest."""
        if active.everyone:
            return active
        if active is not lanes:
            self.counter[lanes.index] = at + 1  # those whose guard says no go on
        here = Lanes(np.flatnonzero(active.mask | ((self.state == GATHERING) & (self.counter == at))), self.total)
        present = bits_of_warps(here.mask)
        if instruction.members == "warp":
            needed = np.broadcast_to(ALL, here.count)
        elif instruction.members == "existing":
            needed = bits_of_warps(self.exists)[here.numbers // WARP]
        else:
            needed = np.broadcast_to(instruction.members.read(self.registers, UINT32, here), here.count)
            needed = needed & bits_of_warps(self.state != DONE)[here.numbers // WARP]
        complete = needed & ~present[here.numbers // WARP] == 0
        self.state[here.index] = np.where(complete, RUNNING, GATHERING)
        self.counter[here.index] = at
        return here.where(complete) if complete.any() else None

    # What is said of threads

    def read(self, operand: Any, dtype: np.dtype, lanes: Lanes) -> Any:
        """An operand's values: an array, or one number where all threads have the same."""
        return operand.read(self.registers, dtype, lanes)

    def values(self, operand: Any, dtype: np.dtype, lanes: Lanes) -> np.ndarray:
        """An operand's values, one for each thread."""
        values = operand.read(self.registers, dtype, lanes)
        return values if np.ndim(values) else np.full(lanes.count, values)

    def write(self, operand: Any, value: Any, lanes: Lanes) -> None:
        self.registers.write(operand, value, lanes)

    def name_of(self, thread: int) -> str:
        block, within = divmod(thread, self.warps * WARP)
        place = tuple(int(index) for index in np.unravel_index(within, self.launch.block[::-1]))[::-1]
        number = tuple(int(index) for index in np.unravel_index(self.blocks[block], self.launch.grid[::-1]))[::-1]
        return f"thread {place} of block {number}"

    def _stuck(self) -> PtxError:
        """Nobody can run: the first thread that waits in vain, and where the others are that it waits for."""
        threads = np.arange(self.total)
        waiting = threads[self.state == GATHERING]
        if waiting.size:
            whole, size, what = "warp", WARP, "is executed by part of a warp"
        else:
            waiting, whole, size = threads[self.state == AT_BARRIER], "block", self.warps * WARP
        thread = int(waiting[np.argmin(self.counter[waiting])])
        if whole == "block":
            what = f"deadlock: barrier {self.barriers.number[thread]} is never complete"
        places = self.counter - (self.state == AT_BARRIER)  # who waits at a barrier has passed it already
        group = self.exists & (threads // size == thread // size)
        left = group & (self.state != DONE)
        here = left & (places == places[thread])
        found = [f"{here.sum()} of the {group.sum()} threads of its {whole} wait here"]
        if group.sum() > left.sum():
            found.append(f"{group.sum() - left.sum()} have exited")
        elsewhere = zip(*np.unique(places[left & ~here], return_counts=True), strict=True)
        found += [f"{count} wait at line {self.code[place].line}" for place, count in elsewhere]
        return PtxError(f"{self.name_of(thread)}: {what}: {', '.join(found)}\n  {self.code[places[thread]]}")


def members_of(instruction: Instruction) -> Any:
    """Whom an instruction waits for: ``"warp"``, all 32; ``"existing"``, all that there are; or an operand, a mask."""
    opcode, modifiers = instruction.opcode, instruction.modifiers
    if opcode in ("mma", "ldmatrix", "wgmma"):
        return "warp"
    if opcode in ("bar", "barrier"):
        return instruction.operands[0] if modifiers[0] == "warp" else "existing"
    if opcode in ("shfl", "vote", "match", "redux") and modifiers[0] == "sync":
        return instruction.operands[-1]
    if opcode in ("shfl", "vote"):
        return Number("0xffffffff")
    return None
