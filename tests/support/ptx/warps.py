"""What threads of a warp tell each other: shuffles, votes, matches and reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import refuse
from ptx.lanes import WARP, Lanes, bits_of_warps
from ptx.operands import Both
from ptx.registry import Execute, opcode, type_of, unknown
from ptx.types import BOOL, TYPES, UINT32

if TYPE_CHECKING:
    from ptx.machine import Machine


@opcode("shfl")
def shuffle(instruction: Instruction) -> Execute:
    """A lane's source is named by a number, or by going up, down or across; segments are fenced off by the clamp."""
    if instruction.modifiers[0] != "sync":
        raise unknown(instruction, "shuffles without .sync are gone since Volta")
    mode = instruction.modifiers[1]
    result, value, distance, clamp, members = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        lane = (lanes.numbers % WARP).astype(np.int64)
        by, bound = (machine.values(operand, UINT32, lanes).astype(np.int64) for operand in (distance, clamp))
        segment, limit = bound >> 8 & 31, bound & 31
        lowest = lane & segment
        highest = lowest | limit & ~segment
        by &= 31
        wanted = {"up": lane - by, "down": lane + by, "bfly": lane ^ by, "idx": lowest | by & ~segment}[mode]
        valid = wanted >= highest if mode == "up" else wanted <= highest
        source = np.where(valid, wanted, lane) + lanes.numbers - lane
        held = np.zeros(machine.total, np.uint32)
        held[lanes.index] = machine.values(value, UINT32, lanes)
        named = machine.values(members, UINT32, lanes)
        unnamed = named >> lane.astype(np.uint32) & np.uint32(1) == 0
        refuse(unnamed, "takes part in a shuffle whose mask does not name it")
        refuse(~lanes.mask[source], "reads the register of a thread that takes no part in the shuffle")
        machine.write(result, held[source], lanes)
        if isinstance(result, Both):
            machine.write(result.predicate, valid, lanes)

    return execute


@opcode("vote")
def vote(instruction: Instruction) -> Execute:
    if instruction.modifiers[0] != "sync":
        raise unknown(instruction)
    mode = instruction.modifiers[1]
    result, operand, members = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        yes = np.zeros(machine.total, np.bool_)
        yes[lanes.index] = machine.values(operand, BOOL, lanes)
        warp = lanes.numbers // WARP
        named = machine.values(members, UINT32, lanes)
        votes = bits_of_warps(yes)[warp] & named
        here = bits_of_warps(lanes.mask)[warp] & named
        outcome = {
            "ballot": votes,
            "any": votes != 0,
            "all": votes == here,
            "uni": (votes == 0) | (votes == here),
        }[mode]
        machine.write(result, outcome, lanes)

    return execute


@opcode("activemask")
def active_mask(instruction: Instruction) -> Execute:
    def execute(machine: Machine, lanes: Lanes) -> None:
        machine.write(instruction.operands[0], bits_of_warps(lanes.mask)[lanes.numbers // WARP], lanes)

    return execute


@opcode("redux")
def reduce(instruction: Instruction) -> Execute:
    """One number for each warp; the operations are exact, so that no order need be kept."""
    dtype = type_of(instruction)
    combine = {
        "add": np.add,
        "min": np.minimum,
        "max": np.maximum,
        "and": np.bitwise_and,
        "or": np.bitwise_or,
        "xor": np.bitwise_xor,
    }[instruction.modifiers[1]]
    result, value, _ = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        values, warp = machine.values(value, dtype, lanes), lanes.numbers // WARP
        outcome = np.empty(lanes.count, dtype)
        for each in lanes.warps:
            outcome[warp == each] = combine.reduce(values[warp == each], dtype=dtype)
        machine.write(result, outcome, lanes)

    return execute


@opcode("match")
def match(instruction: Instruction) -> Execute:
    """Which threads hold the same value; ``all`` gives them only if all do."""
    dtype, every = TYPES[instruction.modifiers[-1]], instruction.modifiers[1] == "all"
    result, value, _ = instruction.operands

    def execute(machine: Machine, lanes: Lanes) -> None:
        values, warp = machine.values(value, dtype, lanes), lanes.numbers // WARP
        same = (warp[:, None] == warp) & (values[:, None] == values)
        lane = (lanes.numbers % WARP).astype(np.uint32)
        mask = np.where(same, np.uint32(1) << lane, np.uint32(0)).sum(1, dtype=np.uint32)
        if every:
            agreed = mask == bits_of_warps(lanes.mask)[warp]
            mask = np.where(agreed, mask, np.uint32(0))
            if isinstance(result, Both):
                machine.write(result.predicate, agreed, lanes)
        machine.write(result, mask, lanes)

    return execute
