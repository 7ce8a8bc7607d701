"""Asynchronous copies from global to shared memory: ``cp.async``, its groups, and the waiting for them.

A copy counts as done only once its thread has waited for the group that it was committed to. Until then what it will
fill holds NaN, and whoever reads or writes there is at fault, however fast a real GPU would have been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import ThreadError, refuse
from ptx.lanes import Lanes
from ptx.operands import Number, Register
from ptx.registry import Execute, opcode, unknown
from ptx.shared import FILLING, WORD
from ptx.spaces import Access, count_passes
from ptx.types import BOOL, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine


@dataclass
class Copy:
    """One instruction's copies, by words: whose they are, where they go, what they bring."""

    threads: np.ndarray
    words: np.ndarray
    values: np.ndarray
    group: np.ndarray  # of each: how many groups its thread had committed before


class Copies:
    """The copies in flight, of all threads."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.committed = np.zeros(machine.total, np.int64)
        self.flying: list[Copy] = []

    def issue(self, at: np.ndarray, threads: np.ndarray, values: np.ndarray) -> None:
        """``values``: (threads, words) for the positions from ``at`` on."""
        shared, size = self.machine.shared, values.shape[1] * WORD
        words, threads = shared.may_write(at, threads, size)
        shared.stamp(words, threads)
        twice = (shared.writer[words] != threads).reshape(values.shape).any(1)
        refuse(twice, "copies to where another thread of the same instruction copies too")
        shared.flags[words] |= np.uint8(FILLING)
        shared.data.view(np.float32)[words] = np.nan
        self.flying.append(Copy(threads, words, values.ravel(), self.committed[threads]))

    def commit(self, lanes: Lanes) -> None:
        self.committed[lanes.index] += 1

    def wait(self, lanes: Lanes, pending: int) -> None:
        """Until at most the ``pending`` latest groups of each of these threads are in flight."""
        last = np.where(lanes.mask, self.committed - pending, 0)
        self.land(lambda copy: copy.group < last[copy.threads])

    def wait_all(self, lanes: Lanes) -> None:
        self.commit(lanes)
        self.wait(lanes, 0)

    def land(self, chosen: Any) -> None:
        shared, rest = self.machine.shared, []
        for copy in self.flying:
            done = chosen(copy)
            if done.any():
                words, threads = copy.words[done], copy.threads[done]
                shared.flags[words] &= ~np.uint8(FILLING)
                shared.stamp(words, threads)
                shared.store(words * WORD, copy.values[done])
            if not done.all():
                more = ~done
                rest.append(Copy(copy.threads[more], copy.words[more], copy.values[more], copy.group[more]))
        self.flying = rest


@opcode("cp")
def copy(instruction: Instruction) -> Execute:
    modifiers = instruction.modifiers
    if modifiers[0] != "async":
        raise unknown(instruction)
    if "commit_group" in modifiers and "bulk" not in modifiers:
        return lambda machine, lanes: machine.copies.commit(lanes)
    if "wait_all" in modifiers:
        return lambda machine, lanes: machine.copies.wait_all(lanes)
    if "wait_group" in modifiers and "bulk" not in modifiers:
        pending = int(instruction.operands[0].value(UINT32))
        return lambda machine, lanes: machine.copies.wait(lanes, pending)
    if modifiers[1] not in ("ca", "cg"):
        raise unknown(instruction)
    return _issue(instruction)


def _issue(instruction: Instruction) -> Execute:
    """``[to], [from], bytes{, bytes to read}{, whether to read nothing}``: the rest is filled with zeros."""
    to, source, count, *further = instruction.operands
    size = int(count.value(UINT32))
    if size not in (4, 8, 16) or (size < 16 and instruction.modifiers[1] == "cg"):
        raise unknown(instruction, f"copies of {size} bytes")
    if "L2:cache_hint" in instruction.modifiers:
        further = further[:-1]
    name = instruction.name

    def execute(machine: Machine, lanes: Lanes) -> None:
        at = machine.shared.locate(machine.registers.address(to, lanes), lanes.numbers, size, "copies to")
        address = machine.registers.address(source, lanes)
        wanted = np.full(lanes.count, size, np.uint32)
        for operand in further:
            if isinstance(operand, Number) or (isinstance(operand, Register) and operand.dtype != BOOL):
                wanted = machine.values(operand, UINT32, lanes)
            else:
                wanted = np.where(machine.values(operand, BOOL, lanes), np.uint32(0), wanted)
        refuse(wanted > size, f"copies {{}} of {size} bytes", wanted)
        values = np.zeros((lanes.count, size // WORD), np.uint32)
        reading = wanted > 0
        if reading.any():
            _fetch(machine, lanes, address, wanted, size, values)
            some = lanes.where(reading)
            machine.statistics.global_memory(name, some.spread(address[reading], -1), size)
        machine.copies.issue(at, lanes.numbers, values)
        count_passes(Access(machine, name, at, lanes, size), at)

    return execute


def _fetch(
    machine: Machine, lanes: Lanes, address: np.ndarray, wanted: np.ndarray, size: int, values: np.ndarray
) -> None:
    """What the copies bring, checked byte by byte where a copy takes less than it could."""
    memory = machine.memory
    misplaced = (address % size != 0) & (wanted > 0)
    refuse(misplaced, f"copies {size} bytes from {{:#x}}, which is no multiple of {size}", address)
    whole = np.flatnonzero(wanted == size)
    who, when = (each[lanes.index][whole] for each in (machine.identity, machine.phase))
    counted = machine.statistics.executed("atom") > 0
    try:
        at = memory.locate(address[whole], WORD, size // WORD, "copies")
        for word in range(size // WORD):
            memory.initialised(at + WORD * word, WORD, "copies")
            memory.writers.read(at + WORD * word, WORD, who, when, counted)
            values[whole, word] = memory.load(at + WORD * word, UINT32)
    except ThreadError as error:
        raise ThreadError(str(error), int(whole[error.first])) from None
    for thread in np.flatnonzero((wanted > 0) & (wanted < size)):
        at = memory.locate(address[thread] + np.arange(wanted[thread]), 1, 1, "copies")
        memory.initialised(at, 1, "copies")
        values[thread].view(np.uint8)[: wanted[thread]] = memory.data[at]
