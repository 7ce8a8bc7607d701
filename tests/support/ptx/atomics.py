"""Atomic updates, and the fences of memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.lanes import Lanes
from ptx.memory import Store
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.spaces import Access, anywhere, space_of

if TYPE_CHECKING:
    from ptx.machine import Machine

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda old, value: old + value,
    "min": lambda old, value: np.minimum(old, value),
    "max": lambda old, value: np.maximum(old, value),
    "and": lambda old, value: old & value,
    "or": lambda old, value: old | value,
    "xor": lambda old, value: old ^ value,
    "exch": lambda old, value: value,
    "cas": lambda old, expected, value: np.where(old == expected, value, old),
    "inc": lambda old, limit: np.where(old >= limit, old.dtype.type(0), old + old.dtype.type(1)),
    "dec": lambda old, limit: np.where((old == 0) | (old > limit), limit, old - old.dtype.type(1)),
}


@opcode("atom", "red")
def atomic(instruction: Instruction) -> Execute:
    """Threads that meet at one place take their turns in the order of their numbers; ``atom`` gives the old value."""
    dtype, space, modifiers = type_of(instruction), space_of(instruction), instruction.modifiers
    operation = next((modifier for modifier in modifiers if modifier in OPERATIONS), None)
    if operation is None or {"v2", "v4", "noftz"} & set(modifiers):
        raise unknown(instruction)
    operands = list(instruction.operands)
    result = operands.pop(0) if instruction.opcode == "atom" else None
    place, *sources = operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        values = [machine.values(source, dtype, lanes) for source in sources]

        def reach(found: str, access: Access, chosen: Any) -> None:
            target, at = _reached(found, access)
            old = np.empty(access.lanes.count, dtype)
            for turn in turns(at):
                old[turn] = target.load(at[turn], dtype)
                new = OPERATIONS[operation](old[turn], *(value[chosen][turn] for value in values))
                target.store(at[turn], np.asarray(new, dtype))
            if result is not None:
                machine.write(result, old, access.lanes)

        address = machine.registers.address(place, lanes)
        anywhere(space, Access(machine, instruction.name, address, lanes, dtype.itemsize), reach)

    return execute


def _reached(space: str, access: Access) -> tuple[Store, np.ndarray]:
    """Atomics do not race with each other, but with ordinary accesses; in global memory even that is not followed."""
    machine, threads = access.machine, access.lanes.numbers
    if space == "shared":
        at = machine.shared.locate(access.address, threads, access.size, "updates")
        machine.shared.reads(at, threads, access.size, atomic=True)
        machine.shared.writes(at, threads, access.size, atomic=True)
        return machine.shared, at
    at = machine.memory.locate(access.address, access.size, 1, "updates")
    machine.memory.initialised(at, access.size, "updates")
    return machine.memory, at


def turns(at: np.ndarray) -> list[np.ndarray]:
    """Indices in rounds, no place twice in one: the first thread of each place, then the second of each, and so on."""
    order = np.argsort(at, kind="stable")
    ranked = at[order]
    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    rank = np.arange(len(at)) - np.repeat(first, np.diff(np.r_[first, len(at)]))
    return [np.sort(order[rank == turn]) for turn in range(int(rank.max()) + 1)]


@opcode("membar", "fence")
def fence(instruction: Instruction) -> Execute:
    """Memory is consistent here anyway; only the fence between ordinary and asynchronous accesses is kept book of."""
    if instruction.modifiers[:2] == ("proxy", "async"):
        return lambda machine, lanes: machine.shared.proxy_fence(lanes)
    return lambda machine, lanes: None
