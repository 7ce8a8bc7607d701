"""Barriers of a block: ``bar.sync``, ``bar.arrive`` and ``bar.red``, by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import refuse
from ptx.lanes import WARP, Lanes
from ptx.operands import Number
from ptx.registry import Execute, opcode, unknown
from ptx.types import BOOL, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine

RUNNING, AT_BARRIER = 0, 2
BARRIERS = 16  # of each block


@dataclass
class Barrier:
    """One barrier of one block, since it was last complete."""

    needed: int
    arrived: int = 0
    known: Any = 0  # the clocks that those know who arrived
    waiting: list[np.ndarray] = field(default_factory=list)  # the threads among them that wait
    votes: list[tuple[Instruction, Lanes, np.ndarray]] = field(default_factory=list)


class Barriers:
    def __init__(self, machine: Machine):
        self.machine = machine
        self.open: dict[tuple[int, int], Barrier] = {}
        self.number = np.zeros(machine.total, np.int64)

    def arrive(
        self, instruction: Instruction, lanes: Lanes, numbers: Any, counts: Any, waits: bool, votes: Any = None
    ) -> None:
        """``counts`` None: all threads of the block are expected, whether or not some have exited."""
        machine = self.machine
        threads = machine.warps * WARP
        numbers = np.broadcast_to(numbers, lanes.count)
        self.number[lanes.index] = numbers
        for block in np.unique(lanes.numbers // threads):
            for number in np.unique(numbers):
                chosen = (lanes.numbers // threads == block) & (numbers == number)
                if not chosen.any():
                    continue
                refuse(chosen & (number >= BARRIERS), f"names barrier {number}: a block has {BARRIERS}")
                here = lanes.where(chosen)
                whole = int(machine.exists[:threads].sum())
                needed = whole if counts is None else int(np.broadcast_to(counts, lanes.count)[chosen].max())
                barrier = self.open.setdefault((int(block), int(number)), Barrier(needed))
                differs = chosen & (barrier.needed != needed)
                refuse(differs, f"expects {needed} threads at barrier {number}, others {barrier.needed}")
                barrier.arrived += here.count
                barrier.known = np.maximum(barrier.known, machine.shared.arrive(int(block), here.warps % machine.warps))
                if waits:
                    machine.state[here.index] = AT_BARRIER
                    barrier.waiting.append(here.numbers)
                if votes is not None:
                    barrier.votes.append((instruction, here, np.broadcast_to(votes, lanes.count)[chosen]))
                many = chosen & (barrier.arrived > needed)
                refuse(many, f"is one of {barrier.arrived} threads at barrier {number}, which expects {needed}")
                if barrier.arrived == needed:
                    del self.open[int(block), int(number)]
                    self._release(int(block), barrier, needed == whole)

    def _release(self, block: int, barrier: Barrier, whole: bool) -> None:
        machine = self.machine
        waiting = np.sort(np.concatenate(barrier.waiting)) if barrier.waiting else np.zeros(0, np.int64)
        machine.state[waiting] = RUNNING
        acquiring = np.unique(waiting // WARP) % machine.warps
        machine.shared.leave(block, acquiring, barrier.known, whole and len(waiting) == barrier.needed)
        if barrier.votes:
            votes = np.concatenate([votes for _, _, votes in barrier.votes])
            for instruction, lanes, _ in barrier.votes:
                result = {"popc": np.uint32(votes.sum()), "and": np.bool_(votes.all()), "or": np.bool_(votes.any())}
                kind = next(modifier for modifier in instruction.modifiers if modifier in result)
                machine.write(instruction.operands[0], result[kind], lanes)


@opcode("bar", "barrier")
def bar(instruction: Instruction) -> Execute:
    kind, operands = instruction.modifiers[0], list(instruction.operands)
    kind = instruction.modifiers[1] if kind == "cta" else kind
    if kind == "warp":
        return lambda machine, lanes: machine.shared.warp_barrier(lanes.warps)
    if kind not in ("sync", "arrive", "red"):
        raise unknown(instruction)
    vote = operands.pop() if kind == "red" else None
    places = operands[1:] if kind == "red" else operands
    number = places[0] if places else Number("0")
    count = places[1] if len(places) > 1 else None

    def execute(machine: Machine, lanes: Lanes) -> None:
        numbers = machine.read(number, UINT32, lanes)
        counts = machine.read(count, UINT32, lanes) if count is not None else None
        votes = machine.read(vote, BOOL, lanes) if vote is not None else None
        machine.barriers.arrive(instruction, lanes, numbers, counts, kind != "arrive", votes)

    return execute
