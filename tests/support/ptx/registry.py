"""Which function carries out which opcode.

A decoder takes an instruction apart once, and returns what carries it out as often as it is met:
``execute(machine, lanes)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ptx.assembly import Instruction
from ptx.errors import PtxError
from ptx.lanes import Lanes
from ptx.types import TYPES

if TYPE_CHECKING:
    from ptx.machine import Machine

Execute = Callable[["Machine", Lanes], None]
Decoder = Callable[[Instruction], Execute]
DECODERS: dict[str, Decoder] = {}


def opcode(*names: str) -> Callable[[Decoder], Decoder]:
    def register(decoder: Decoder) -> Decoder:
        DECODERS.update(dict.fromkeys(names, decoder))
        return decoder

    return register


def decode(instruction: Instruction) -> Execute:
    if instruction.opcode not in DECODERS:
        raise unknown(instruction)
    return DECODERS[instruction.opcode](instruction)


def unknown(instruction: Instruction, why: str = "") -> PtxError:
    return PtxError(f"the interpreter does not know this instruction{why and ': '}{why}\n  {instruction}")


def type_of(instruction: Instruction) -> np.dtype:
    """The type an instruction works in: its last modifier."""
    kind = instruction.modifiers[-1] if instruction.modifiers else ""
    if kind not in TYPES:
        raise unknown(instruction)
    return TYPES[kind]
