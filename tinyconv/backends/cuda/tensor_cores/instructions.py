"""Instructions of the GPU that kernels name themselves: inline PTX, as functions that kernels call.

Addresses in global memory are ``uint64``, addresses in a block's shared memory ``uint32``, both in bytes. A number that
tensor cores read is a float32 whose last 13 bits do not count: TF32 has 8 bits of exponent and 10 of fraction.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import extending, types

__all__ = [
    "LOAD_FLOAT_IF",
    "LOAD_MATRICES",
    "LOAD_SHARED_4",
    "MULTIPLY_ADD",
    "ROUND_TO_TF32",
    "STORE_RUN",
    "Line",
    "announce_to_tensor_cores",
    "commit_copies",
    "copy_4_bytes",
    "copy_16_bytes",
    "further",
    "load_float",
    "load_float_if",
    "round_to_tf32",
    "shared_address",
    "store_float",
    "wait_for_copies",
]

intrinsic: Any = extending.intrinsic
"""Numba's, whose type says nothing of the arguments: makes of a code generator a function that kernels call."""

BYTE, WORD, LONG, FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
SHARED_SPACE = 3
"""LLVM's number for shared memory."""

REGISTERS = {
    "f": (types.float32, FLOAT, "f"),
    "b": (types.float32, WORD, "r"),  # a float32 in a register without a type, as tensor cores take their factors
    "i": (types.int32, WORD, "r"),
    "s": (types.uint32, WORD, "r"),
    "g": (types.uint64, LONG, "l"),
}
"""What an operand is, by a letter: its type in Numba, in LLVM, and its kind of register."""

CALLS = (
    lambda typed: lambda context: typed,  # noqa: ARG005
    lambda typed: lambda context, a: typed,  # noqa: ARG005
    lambda typed: lambda context, a, b: typed,  # noqa: ARG005
    lambda typed: lambda context, a, b, c: typed,  # noqa: ARG005
)
"""Numba reads how many arguments a function takes from its definition: one definition for each number."""


class Line:
    """One line of PTX, from its text and the letters of its result and its arguments.

    ``text`` names the operands $0, $1, ...: first the results, then the arguments. An argument of several letters is a
    tuple. ``memory``: it reads or writes memory, so it is neither left out nor moved past others that do.
    """

    def __init__(self, text: str, result: str = "", *arguments: str, memory: bool = False) -> None:
        self.result, self.arguments = result, arguments
        results, operands = [REGISTERS[each] for each in result], [REGISTERS[each] for each in "".join(arguments)]
        made = ir.LiteralStructType([each[1] for each in results])
        if len(results) < 2:
            made = results[0][1] if results else ir.VoidType()
        constraints = ["=" + each[2] for each in results] + [each[2] for each in operands] + ["~{memory}"] * memory
        function = ir.FunctionType(made, [each[1] for each in operands])
        self.code = ir.InlineAsm(function, text, ",".join(constraints), side_effect=memory)

    def emit(self, builder: Any, *operands: Any) -> list[Any]:
        """Write the line, in LLVM's language. Operands and results one by one, whatever tuples they came in."""
        wanted = "".join(self.arguments)
        made = builder.call(
            self.code,
            [builder.bitcast(each, REGISTERS[letter][1]) for each, letter in zip(operands, wanted, strict=True)],
        )
        count = len(self.result)
        parts = [made][:count] if count < 2 else [builder.extract_value(made, i) for i in range(count)]
        return [
            builder.bitcast(each, FLOAT) if letter == "b" else each
            for each, letter in zip(parts, self.result, strict=True)
        ]

    def function(self) -> Any:
        """The line as a function that kernels call."""

        def generate(context, builder, signature, values):
            flat = []
            for letters, value in zip(self.arguments, values, strict=True):
                single = len(letters) == 1
                flat += [value] if single else [builder.extract_value(value, i) for i in range(len(letters))]
            made = self.emit(builder, *flat)
            if not made:
                return context.get_dummy_value()
            return made[0] if len(made) == 1 else context.make_tuple(builder, signature.return_type, made)

        signature = _tuple(self.result)(*(_tuple(letters) for letters in self.arguments))
        return intrinsic(CALLS[len(self.arguments)]((signature, generate)))


def instruction(text: str, result: str = "", *arguments: str, memory: bool = False) -> Any:
    """A function that is one line of PTX."""
    return Line(text, result, *arguments, memory=memory).function()


def _tuple(letters: str) -> Any:
    if not letters:
        return types.void
    kind = REGISTERS[letters[0]][0]
    return kind if len(letters) == 1 else types.UniTuple(kind, len(letters))


# -- Addresses ---------------------------------------------------------------------------------------------------------


@intrinsic
def shared_address(context, array):  # noqa: ARG001
    """The address of a shared array in its block's shared memory."""

    def generate(context, builder, signature, values):
        pointer = context.make_array(signature.args[0])(context, builder, values[0]).data
        inside = builder.addrspacecast(pointer, BYTE.as_pointer(SHARED_SPACE))
        return builder.ptrtoint(inside, WORD)

    return types.uint32(array), generate


@intrinsic
def further(context, address, count):  # noqa: ARG001
    """The address of the float32 that lies ``count`` after the one at ``address``: one multiplication and addition."""

    def generate(context, builder, signature, values):
        wide = context.cast(builder, values[1], signature.args[1], types.int64)
        return builder.add(values[0], builder.mul(wide, ir.Constant(LONG, 4)))

    return types.uint64(types.uint64, count), generate


# -- Memory ------------------------------------------------------------------------------------------------------------

copy_16_bytes = instruction("cp.async.cg.shared.global.L2::128B [$0], [$1], 16, $2;", "", "s", "g", "i", memory=True)
"""Copy 4 floats from global ($1) to shared memory ($0) while the thread goes on; only $2 bytes, zeros after them."""

copy_4_bytes = instruction("cp.async.ca.shared.global [$0], [$1], 4, $2;", "", "s", "g", "i", memory=True)
"""Copy a float from global ($1) to shared memory ($0) while the thread goes on; a zero where $2 is not 4 but 0."""

commit_copies = instruction("cp.async.commit_group;", memory=True)
"""The thread's copies since the last such call are one group."""

load_float = instruction("ld.global.nc.f32 $0, [$1];", "f", "g")
"""Read a float from global memory that the kernel does not write."""

LOAD_FLOAT_IF = Line(
    "{ .reg .pred p; setp.ne.s32 p, $2, 0; mov.f32 $0, 0f00000000; @p ld.global.nc.f32 $0, [$1]; }", "f", "g", "i"
)
"""Read a float from global memory ($1) that the kernel does not write; where $2 is 0, take zero."""

load_float_if = LOAD_FLOAT_IF.function()

store_float = instruction("st.global.f32 [$0], $1;", "", "g", "f", memory=True)
"""Write a float to global memory."""

STORE_RUN = Line(
    "{ .reg .pred w, p; setp.ne.s32 w, $2, 0; "
    "setp.gt.and.s32 p, $1, 0, w; @p st.global.v4.f32 [$0], {$3, $4, $5, $6}; "
    "setp.gt.and.s32 p, $1, 0, !w; @p st.global.f32 [$0], $3; "
    "setp.gt.and.s32 p, $1, 1, !w; @p st.global.f32 [$0+4], $4; "
    "setp.gt.and.s32 p, $1, 2, !w; @p st.global.f32 [$0+8], $5; "
    "setp.gt.and.s32 p, $1, 3, !w; @p st.global.f32 [$0+12], $6; }",
    "",
    "g",
    "i",
    "i",
    "ffff",
    memory=True,
)
"""Write the first $1 of 4 neighbouring floats to global memory ($0): at once if $2 is not 0, which all 4 must then be
there for, else one by one."""

LOAD_SHARED_4 = Line("ld.shared.v4.f32 {$0, $1, $2, $3}, [$4];", "ffff", "s", memory=True)
"""Read 4 neighbouring floats from shared memory."""

LOAD_MATRICES = Line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4];", "bbbb", "s", memory=True)
"""Read four matrices of 8 rows of 4 floats: lane i of a warp names row i % 8 of matrix i / 8, and gets, of each matrix,
the float in row i / 4 and column i % 4."""


announce_to_tensor_cores = instruction("fence.proxy.async.shared::cta;", memory=True)
"""What the thread wrote to shared memory, or copied there, is seen by instructions that read it by themselves."""


def wait_for_copies(groups: int) -> Any:
    """A function that waits until all but the newest ``groups`` groups of the thread's copies have arrived."""
    return instruction(f"cp.async.wait_group {groups};", memory=True)


# -- Arithmetic --------------------------------------------------------------------------------------------------------

ROUND_TO_TF32 = Line("cvt.rna.tf32.f32 $0, $1;", "b", "f")
"""The nearest number of TF32, of two equally near the larger one. NaN stays NaN."""

round_to_tf32 = ROUND_TO_TF32.function()

MULTIPLY_ADD = Line(
    "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
    "{$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};",
    "ffff",
    "bbbb",
    "bb",
    "ffff",
)
"""a b + c of a 16 x 8 matrix a and an 8 x 8 matrix b of TF32, by a warp. With g = lane / 4 and t = lane % 4, a lane has
a[g, t], a[g + 8, t], a[g, t + 4], a[g + 8, t + 4]; b[t, g], b[t + 4, g]; of c and the result [g, 2 t], [g, 2 t + 1],
[g + 8, 2 t], [g + 8, 2 t + 1]."""
