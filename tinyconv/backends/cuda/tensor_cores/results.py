"""What a thread holds in registers: a tuple of numbers, for each of its rows its runs of 4 neighbouring columns.

These functions are written in LLVM's language, one instruction after another for every number: loops over what lies in
registers would have to be undone again by the compiler, which it leaves where they are long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types

from tinyconv.backends.cuda.tensor_cores.instructions import FLOAT, LOAD_FLOAT_IF, LONG, STORE_RUN, WORD, intrinsic
from tinyconv.backends.cuda.tensor_cores.tiles import RUN


@dataclass(frozen=True)
class Results:
    """``rows`` and ``runs``: how far each row and each run of columns lies from the thread's first."""

    rows: tuple[int, ...]
    runs: tuple[int, ...]

    @property
    def count(self) -> int:
        """Numbers of a thread."""
        return len(self.rows) * len(self.runs) * RUN

    @property
    def kind(self) -> Any:
        """Their type in Numba."""
        return types.UniTuple(types.float32, self.count)

    def index(self, row: int, run: int, place: int) -> int:
        """Where a number is in the tuple."""
        return (row * len(self.runs) + run) * RUN + place

    def zeros(self) -> Any:
        """A function that makes the sums before anything is added."""
        kind, count = self.kind, self.count

        @intrinsic
        def zeros(context):  # noqa: ARG001
            def generate(context, builder, signature, values):  # noqa: ARG001
                return context.make_tuple(builder, kind, [ir.Constant(FLOAT, 0.0)] * count)

            return kind(), generate

        return zeros

    def store(self) -> Any:
        """A function that writes the sums, with what is added to each column, and rectified if they are to be.

        Its arguments: the sums; uint64 [row], where a row's first run goes, 0 for a row that is outside; the address of
        what is added to the first column, or 0; how many columns there are from the thread's first one on; whether runs
        of 4 can be written at once; whether to rectify.
        """

        @intrinsic
        def store(context, sums, places, shifts, left, wide, relu):  # noqa: ARG001
            def generate(context, builder, signature, values):
                sums, _, shifts, left, wide, relu = values
                rows = context.make_array(signature.args[1])(context, builder, values[1]).data
                added = {
                    (run, j): self._shift(builder, shifts, left, column + j)
                    for run, column in enumerate(self.runs)
                    for j in range(RUN)
                }
                for row in range(len(self.rows)):
                    place = builder.load(builder.gep(rows, [ir.Constant(WORD, row)]))
                    inside = builder.icmp_unsigned("!=", place, ir.Constant(LONG, 0))
                    for run, column in enumerate(self.runs):
                        numbers = []
                        for j in range(RUN):
                            number = builder.extract_value(sums, self.index(row, run, j))
                            numbers.append(_rectified(builder, builder.fadd(number, added[run, j]), relu))
                        count = builder.sub(left, ir.Constant(WORD, column))
                        to = builder.add(place, ir.Constant(LONG, 4 * column))
                        STORE_RUN.emit(builder, to, builder.select(inside, count, ir.Constant(WORD, 0)), wide, *numbers)
                return context.get_dummy_value()

            integer = types.int32
            return types.void(self.kind, places, types.uint64, integer, integer, integer), generate

        return store

    def _shift(self, builder: Any, shifts: Any, left: Any, column: int) -> Any:
        """What is added to a column: zero where there is nothing to add, or no column."""
        there = builder.icmp_unsigned("!=", shifts, ir.Constant(LONG, 0))
        inside = builder.icmp_signed(">", left, ir.Constant(WORD, column))
        wanted = builder.zext(builder.and_(there, inside), WORD)
        return LOAD_FLOAT_IF.emit(builder, builder.add(shifts, ir.Constant(LONG, 4 * column)), wanted)[0]


def _rectified(builder: Any, number: Any, relu: Any) -> Any:
    """max(number, 0) if ``relu``; NaN stays."""
    zero = ir.Constant(FLOAT, 0.0)
    cut = builder.and_(builder.fcmp_ordered("<=", number, zero), builder.icmp_signed("!=", relu, ir.Constant(WORD, 0)))
    return builder.select(cut, zero, number)
