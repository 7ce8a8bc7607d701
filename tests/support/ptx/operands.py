"""What an instruction reads and writes: registers, numbers, names of memory, addresses, and vectors of these."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ptx.errors import PtxError
from ptx.types import BITS, BOOL, FLOAT32, FLOAT64, bits_of

if TYPE_CHECKING:
    from ptx.lanes import Lanes
    from ptx.registers import Registers

NUMBER = re.compile(r"-?(0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}|0[xX][0-9a-fA-F]+|\d+)U?$")


@dataclass(frozen=True)
class Register:
    """A register by its number: names are scoped, so one name may stand for several registers."""

    number: int
    name: str
    dtype: np.dtype

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        held = registers.bits[self.number][lanes.index]
        if held.dtype == dtype:
            return held
        if held.dtype == BOOL or dtype == BOOL or held.itemsize < dtype.itemsize:
            raise PtxError(f"{self.name} is declared {self.dtype} and read as {dtype}")
        if held.itemsize > dtype.itemsize:
            held = held.astype(bits_of(dtype))
        return held.view(dtype)


@dataclass(frozen=True)
class Special:
    """A read-only register of the hardware, such as ``%tid.x``."""

    name: str

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        if self.name not in registers.special:
            raise PtxError(f"the interpreter does not know the special register {self.name}")
        return registers.special[self.name][lanes.index].astype(dtype)


@dataclass(frozen=True)
class Number:
    """A literal: an integer, or a float written as its bits (``0f3F800000``, ``0d3FF0000000000000``)."""

    text: str

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        return self.value(dtype)

    @functools.lru_cache(maxsize=4096)  # noqa: B019 (equal literals are one)
    def value(self, dtype: np.dtype) -> Any:
        text = self.text.lower()
        negative = text.startswith("-")
        text = text.lstrip("-")
        if text[:2] in ("0f", "0d"):
            kind = FLOAT32 if text[1] == "f" else FLOAT64
            number = BITS[kind.itemsize].type(int(text[2:], 16)).view(kind)
            number = -number if negative else number
            return number.astype(dtype) if dtype.kind == "f" else number.view(dtype)
        integer = int(text.rstrip("u"), 0) * (-1 if negative else 1)
        if dtype == BOOL:
            return np.bool_(integer)
        if dtype.kind == "f":
            raise PtxError(f"the integer {self.text} stands where a {dtype} is read")
        bits = BITS[dtype.itemsize]
        return bits.type(integer & ((1 << 8 * dtype.itemsize) - 1)).view(dtype)


@dataclass(frozen=True)
class Symbol:
    """The name of a variable in memory: its address."""

    name: str

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        return dtype.type(registers.addresses[self.name])


@dataclass(frozen=True)
class Place:
    """``[base + offset]``, or the sum itself where it stands without brackets."""

    base: Register | Symbol | Number
    offset: int

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        return registers.address(self, lanes).astype(dtype)


@dataclass(frozen=True)
class Vector:
    """``{a, b, ...}``."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class Both:
    """``a|b``: a destination and the predicate that goes with it."""

    value: Any
    predicate: Any


@dataclass(frozen=True)
class Negated:
    """``!p``."""

    register: Register

    def read(self, registers: Registers, dtype: np.dtype, lanes: Lanes) -> Any:
        return ~self.register.read(registers, dtype, lanes)


@dataclass(frozen=True)
class Sink:
    """``_``: a result that nobody wants."""


def items_of(operand: Any) -> tuple[Any, ...]:
    return operand.items if isinstance(operand, Vector) else (operand,)
