"""Loads, stores and atomics in every state space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.assembly import Instruction
from ptx.conversions import WINDOWS
from ptx.errors import PtxError, ThreadError, refuse
from ptx.lanes import WARP, Lanes
from ptx.memory import CHANGED
from ptx.operands import Symbol, items_of
from ptx.registry import Execute, opcode, type_of, unknown

if TYPE_CHECKING:
    from ptx.machine import Machine

SPACES = ("global", "shared", "local", "param", "const")
QUARTER = 4 * WARP  # bytes that shared memory moves in one pass


def space_of(instruction: Instruction) -> str:
    return next(
        (modifier.split(":")[0] for modifier in instruction.modifiers if modifier.split(":")[0] in SPACES), "generic"
    )


def by_space(machine: Machine, address: np.ndarray, lanes: Lanes) -> list[tuple[str, np.ndarray]]:
    """Which spaces generic addresses lie in, and which of the threads go to each."""
    windows = address >> 40
    found = []
    for space in ("shared", "local"):
        chosen = windows == WINDOWS[space] >> 40
        if chosen.any():
            found.append((space, chosen))
            windows = np.where(chosen, -1, windows)
    return [*found, ("global", windows != -1)] if (windows != -1).any() else found


def anywhere(
    machine: Machine,
    space: str,
    address: np.ndarray,
    lanes: Lanes,
    access: Callable[[str, np.ndarray, Lanes, Any], None],
) -> None:
    """Carry out an access in its space, or in each of those that generic addresses lie in."""
    if space != "generic":
        access(space, address, lanes, slice(None))
        return
    for found, chosen in by_space(machine, address, lanes):
        access(found, address[chosen] - WINDOWS[found], lanes.where(chosen), chosen)


@opcode("ld", "ldu")
def load(instruction: Instruction) -> Execute:
    dtype, space = type_of(instruction), space_of(instruction)
    items, place = items_of(instruction.operands[0]), instruction.operands[1]
    size, constant = dtype.itemsize, CHANGED if "nc" in instruction.modifiers else 0
    if space == "param" and isinstance(place.base, Symbol):
        return _load_parameter(instruction)

    def access(machine: Machine, space: str, address: np.ndarray, lanes: Lanes) -> list[np.ndarray]:
        total = size * len(items)
        if space in ("global", "const"):
            at = machine.memory.locate(address, size, len(items), "reads")
            for item in range(len(items)):
                machine.memory.initialised(at + size * item, size, "reads", constant)
            machine.statistics.global_memory(instruction.name, lanes.spread(address, -1), total)
            store: Any = machine.memory
        elif space == "shared":
            at = machine.shared.locate(address, lanes.numbers, total, "reads")
            machine.shared.reads(at, lanes.numbers, total if total >= 4 else size)
            count_passes(machine, instruction.name, at, lanes, total)
            store = machine.shared
        else:
            at = machine.local.locate(address, lanes.numbers, size, len(items), "reads")
            for item in range(len(items)):
                machine.local.initialised(at + size * item, size, "reads")
            store = machine.local
        return [store.load(at + size * item, dtype) for item in range(len(items))]

    def execute(machine: Machine, lanes: Lanes) -> None:
        def one(found: str, address: np.ndarray, some: Lanes, chosen: Any) -> None:
            for item, values in zip(items, access(machine, found, address, some), strict=True):
                machine.write(item, values, some)

        anywhere(machine, space, machine.registers.address(place, lanes), lanes, one)

    return execute


def _load_parameter(instruction: Instruction) -> Execute:
    """A kernel's parameter is the same for all; a called function's is a variable of the thread's own."""
    dtype = type_of(instruction)
    items, place = items_of(instruction.operands[0]), instruction.operands[1]
    size = dtype.itemsize

    def execute(machine: Machine, lanes: Lanes) -> None:
        own = "#" in place.base.name
        address = machine.registers.address(place, lanes)
        for item, result in enumerate(items):
            if own:
                at = machine.local.locate(address + size * item, lanes.numbers, size, 1, "reads")
                machine.local.initialised(at, size, "reads")
                machine.write(result, machine.local.load(at, dtype), lanes)
            else:
                first = int(address[0]) + size * item
                machine.write(result, machine.parameters[first : first + size].view(dtype)[0], lanes)

    return execute


@opcode("st")
def store(instruction: Instruction) -> Execute:
    dtype, space = type_of(instruction), space_of(instruction)
    place, items = instruction.operands[0], items_of(instruction.operands[1])
    size = dtype.itemsize

    def execute(machine: Machine, lanes: Lanes) -> None:
        values = [machine.values(item, dtype, lanes) for item in items]

        def one(found: str, address: np.ndarray, some: Lanes, chosen: Any) -> None:
            total = size * len(items)
            if found == "global":
                at = machine.memory.locate(address, size, len(items), "writes")
                machine.statistics.global_memory(instruction.name, some.spread(address, -1), total)
                target: Any = machine.memory
            elif found == "shared":
                at = machine.shared.locate(address, some.numbers, total, "writes")
                machine.shared.writes(at, some.numbers, total)
                count_passes(machine, instruction.name, at, some, total)
                target = machine.shared
            elif found in ("local", "param"):
                at = machine.local.locate(address, some.numbers, size, len(items), "writes")
                target = machine.local
            else:
                raise PtxError(f"writes {found} memory")
            for item, value in enumerate(values):
                target.store(at + size * item, np.ascontiguousarray(value[chosen]))
            if found != "local" and found != "param":
                for item, value in enumerate(values):
                    lost = target.load(at + size * item, dtype) != value[chosen]
                    if dtype.kind == "f":
                        lost &= ~np.isnan(value[chosen])
                    refuse(lost, "writes where another thread of the same instruction writes something else")

        anywhere(machine, space, machine.registers.address(place, lanes), lanes, one)

    return execute


def count_passes(machine: Machine, name: str, at: np.ndarray, lanes: Lanes, size: int) -> None:
    """Shared memory serves 128 bytes at a time: 4 of each thread, 8 of half of the threads, or 16 of a quarter."""
    words = max(1, size // 4)
    passes = lanes.spread(at // 4, -1)[:, :, None] + np.arange(words)
    passes[passes[:, :, 0] < 0] = -1
    machine.statistics.shared(name, passes.reshape(-1, WARP))


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
    if operation is None or "noftz" in modifiers or modifiers[-2] in ("v2", "v4"):
        raise unknown(instruction)
    operands = list(instruction.operands)
    result = operands.pop(0) if instruction.opcode == "atom" else None
    place, *sources = operands
    size = dtype.itemsize

    def execute(machine: Machine, lanes: Lanes) -> None:
        values = [machine.values(source, dtype, lanes) for source in sources]

        def one(found: str, address: np.ndarray, some: Lanes, chosen: Any) -> None:
            if found == "shared":
                at = machine.shared.locate(address, some.numbers, size, "updates")
                machine.shared.reads(at, some.numbers, size, atomic=True)
                machine.shared.writes(at, some.numbers, size, atomic=True)
                target: Any = machine.shared
            else:
                at = machine.memory.locate(address, size, 1, "updates")
                machine.memory.initialised(at, size, "updates")
                target = machine.memory
            old = np.empty(some.count, dtype)
            for turn in turns(at):
                old[turn] = target.load(at[turn], dtype)
                new = OPERATIONS[operation](old[turn], *(value[chosen][turn] for value in values))
                target.store(at[turn], np.asarray(new, dtype))
            if result is not None:
                machine.write(result, old, some)

        anywhere(machine, space, machine.registers.address(place, lanes), lanes, one)

    return execute


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


@opcode("prefetch", "prefetchu", "nanosleep", "pmevent", "applypriority", "discard")
def nothing(instruction: Instruction) -> Execute:
    return lambda machine, lanes: None


@opcode("trap")
def trap(instruction: Instruction) -> Execute:
    def execute(machine: Machine, lanes: Lanes) -> None:
        raise ThreadError("gives up (trap)", 0)

    return execute
