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


@dataclass(frozen=True)
class Arrivals:
    """Which barrier each thread comes to, how many it expects there (None: the whole block), and how it votes."""

    numbers: np.ndarray
    counts: np.ndarray | None
    votes: np.ndarray | None
    wait: bool


class Barriers:
    def __init__(self, machine: Machine):
        self.machine = machine
        self.open: dict[tuple[int, int], Barrier] = {}
        self.number = np.zeros(machine.total, np.int64)  # where each thread came last
        self.whole = int(machine.exists[: machine.warps * WARP].sum())  # threads of a block, whether or not they exited

    def arrive(self, instruction: Instruction, lanes: Lanes, arrivals: Arrivals) -> None:
        self.number[lanes.index] = arrivals.numbers
        blocks = lanes.numbers // (self.machine.warps * WARP)
        for block in np.unique(blocks):
            for number in np.unique(arrivals.numbers):
                chosen = (blocks == block) & (arrivals.numbers == number)
                refuse(chosen & (number >= BARRIERS), f"names barrier {number}: a block has {BARRIERS}")
                if chosen.any():
                    self._meet(instruction, (int(block), int(number)), lanes, chosen, arrivals)

    def _meet(
        self, instruction: Instruction, place: tuple[int, int], lanes: Lanes, chosen: np.ndarray, arrivals: Arrivals
    ) -> None:
        """The ``chosen`` of the threads come to one barrier of one block."""
        machine, (block, number) = self.machine, place
        here = lanes.where(chosen)
        needed = self.whole if arrivals.counts is None else int(arrivals.counts[chosen].max())
        barrier = self.open.setdefault(place, Barrier(needed))
        differs = chosen & (barrier.needed != needed)
        refuse(differs, f"expects {needed} threads at barrier {number}, others {barrier.needed}")
        if barrier.arrived + here.count > needed and len(here.warps) > 1:  # some of them complete it before the others
            for warp in here.warps:
                self._meet(instruction, place, lanes, chosen & (lanes.numbers // WARP == warp), arrivals)
            return
        barrier.arrived += here.count
        barrier.known = np.maximum(barrier.known, machine.shared.arrive(block, here.warps % machine.warps))
        if arrivals.wait:
            machine.state[here.index] = AT_BARRIER
            barrier.waiting.append(here.numbers)
        if arrivals.votes is not None:
            barrier.votes.append((instruction, here, arrivals.votes[chosen]))
        many = chosen & (barrier.arrived > needed)
        refuse(many, f"is one of {barrier.arrived} threads at barrier {number}, which expects {needed}")
        if barrier.arrived == needed:
            del self.open[place]
            self._release(block, barrier, needed == self.whole)

    def _release(self, block: int, barrier: Barrier, whole: bool) -> None:
        machine = self.machine
        waiting = np.sort(np.concatenate(barrier.waiting)) if barrier.waiting else np.zeros(0, np.int64)
        machine.state[waiting] = RUNNING
        acquiring = np.unique(waiting // WARP) % machine.warps
        machine.phase[waiting] += whole
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
        arrivals = Arrivals(
            machine.values(number, UINT32, lanes),
            machine.values(count, UINT32, lanes) if count is not None else None,
            machine.values(vote, BOOL, lanes) if vote is not None else None,
            kind != "arrive",
        )
        machine.barriers.arrive(instruction, lanes, arrivals)

    return execute
