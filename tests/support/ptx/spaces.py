"""Reaching memory in every state space: where an access goes, whether it may, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.lanes import WARP, Lanes
from ptx.memory import CHANGED, Store
from ptx.shared import WORD

if TYPE_CHECKING:
    from ptx.machine import Machine

SPACES = ("global", "shared", "local", "param", "const")
# What generic addresses add to the address inside each window, which has 2^40 bytes.
WINDOWS = {"shared": 1 << 40, "local": 1 << 41, "global": 0, "const": 0, "param": 0}


@dataclass(frozen=True)
class Access:
    """``items`` values of ``size`` bytes for each of the threads, from its address on."""

    machine: Machine
    name: str
    address: np.ndarray
    lanes: Lanes
    size: int
    items: int = 1

    @property
    def total(self) -> int:
        return self.size * self.items

    def parts(self, at: np.ndarray) -> list[np.ndarray]:
        """The positions of each item."""
        return [at + self.size * item for item in range(self.items)]


Reached = tuple[Store, list[np.ndarray]]
"""What an access touches: the memory, and the positions of each of its items."""


def space_of(instruction: Instruction) -> str:
    named = (modifier.split(":")[0] for modifier in instruction.modifiers)
    return next((modifier for modifier in named if modifier in SPACES), "generic")


def anywhere(space: str, access: Access, reach: Callable[[str, Access, Any], None]) -> None:
    """Carry out an access in its space, or in each of those that its generic addresses lie in.

    ``reach`` gets the part of the access that lies in a space, and the index of its threads among all.
    """
    if space != "generic":
        reach(space, access, slice(None))
        return
    window = access.address >> 40
    inside = {space: window == WINDOWS[space] >> 40 for space in ("shared", "local")}
    inside["global"] = ~(inside["shared"] | inside["local"])
    for found, chosen in inside.items():
        if chosen.any():
            address = access.address[chosen] - WINDOWS[found]
            lanes = access.lanes.where(chosen)
            reach(found, Access(access.machine, access.name, address, lanes, access.size, access.items), chosen)


def read_global(access: Access) -> Reached:
    machine, lanes = access.machine, access.lanes
    at = machine.memory.locate(access.address, access.size, access.items, "reads")
    constant = CHANGED if ".nc" in access.name else 0
    counted = machine.statistics.executed("atom") > 0
    who, when = machine.identity[lanes.index], machine.phase[lanes.index]
    for part in access.parts(at):
        machine.memory.initialised(part, access.size, "reads", constant)
        machine.memory.writers.read(part, access.size, who, when, counted)
    machine.statistics.global_memory(access.name, lanes.spread(access.address, -1), access.total)
    return machine.memory, access.parts(at)


def write_global(access: Access) -> Reached:
    machine, lanes = access.machine, access.lanes
    at = machine.memory.locate(access.address, access.size, access.items, "writes")
    for part in access.parts(at):
        machine.memory.writers.write(part, access.size, machine.identity[lanes.index], machine.phase[lanes.index])
    machine.statistics.global_memory(access.name, lanes.spread(access.address, -1), access.total)
    return machine.memory, access.parts(at)


def read_shared(access: Access) -> Reached:
    shared, threads = access.machine.shared, access.lanes.numbers
    at = shared.locate(access.address, threads, access.total, "reads")
    for part in [at] if access.size >= WORD else access.parts(at):
        shared.reads(part, threads, access.total if access.size >= WORD else access.size)
    count_passes(access, at)
    return shared, access.parts(at)


def write_shared(access: Access) -> Reached:
    shared, threads = access.machine.shared, access.lanes.numbers
    at = shared.locate(access.address, threads, access.total, "writes")
    if access.size >= WORD:
        shared.writes(at, threads, access.total)
    count_passes(access, at)
    return shared, access.parts(at)


def read_local(access: Access) -> Reached:
    reached = write_local(access, "reads")
    for part in reached[1]:
        access.machine.local.initialised(part, access.size, "reads")
    return reached


def write_local(access: Access, doing: str = "writes") -> Reached:
    local = access.machine.local
    return local, access.parts(local.locate(access.address, access.lanes.numbers, access.size, access.items, doing))


READING = {"global": read_global, "const": read_global, "shared": read_shared, "local": read_local, "param": read_local}
WRITING = {"global": write_global, "shared": write_shared, "local": write_local, "param": write_local}


def count_passes(access: Access, at: np.ndarray) -> None:
    """Shared memory serves 128 bytes at a time: 4 of each thread, 8 of half of the threads, or 16 of a quarter."""
    passes = access.lanes.spread(at // WORD, -1)[:, :, None] + np.arange(max(1, access.total // WORD))
    passes[passes[:, :, 0] < 0] = -1
    access.machine.statistics.shared(access.name, passes.reshape(-1, WARP))
