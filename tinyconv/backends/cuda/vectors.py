"""Four neighbouring numbers in one instruction: a pass over memory is as fast as it can be when threads move 16 bytes.

Kernels that work along channels are made for 4 numbers at a time, and for 1 where channels are no multiple of 4. Those
that work along all of memory take 4, and at its end what is left. The functions here move numbers between an array and
a thread's own few, which become registers.
"""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.compiler import SIMULATED, helper

WIDE = 4

if SIMULATED:

    def load_four(array, place):
        """array[place], ..., array[place + 3]; ``place`` a multiple of 4, the array's memory of 16 bytes."""
        return array[place], array[place + 1], array[place + 2], array[place + 3]

    def store_four(array, place, first, second, third, fourth):
        """The same for writing."""
        array[place : place + WIDE] = first, second, third, fourth

else:
    from llvmlite import ir
    from numba import types
    from numba.core.extending import intrinsic

    def _place(context: Any, builder: Any, array_type: Any, array: Any, index_type: Any, index: Any) -> Any:
        """Where the vector lies, and how its address is aligned."""
        element = context.get_data_type(array_type.dtype)
        data = context.make_array(array_type)(context, builder, array).data
        offset = context.cast(builder, index, index_type, types.int64)
        vector = ir.VectorType(element, WIDE).as_pointer()
        alignment = min(16, WIDE * array_type.dtype.bitwidth // 8)
        return builder.bitcast(builder.gep(data, [offset]), vector), alignment

    @intrinsic
    def load_four(typing_context, array, place):  # noqa: ARG001
        def generate(context, builder, signature, arguments):
            pointer, alignment = _place(
                context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1]
            )
            vector = builder.load(pointer, align=alignment)
            numbers = [builder.extract_element(vector, ir.Constant(ir.IntType(32), i)) for i in range(WIDE)]
            return context.make_tuple(builder, signature.return_type, numbers)

        return types.UniTuple(array.dtype, WIDE)(array, place), generate

    @intrinsic
    def store_four(typing_context, array, place, first, second, third, fourth):  # noqa: ARG001
        element = array.dtype

        def generate(context, builder, signature, arguments):
            pointer, alignment = _place(
                context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1]
            )
            vector = ir.Constant(ir.VectorType(context.get_data_type(element), WIDE), ir.Undefined)
            for i, number in enumerate(arguments[2:]):
                vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), i))
            builder.store(vector, pointer, align=alignment)
            return context.get_dummy_value()

        return types.void(array, place, element, element, element, element), generate


@helper
def fetch_some(array, place, numbers):
    """Four numbers, from ``place`` on, or as many as there are before the end; 0 for the others."""
    if place + WIDE <= array.size:
        numbers[0], numbers[1], numbers[2], numbers[3] = load_four(array, place)
    else:
        for k in range(WIDE):
            numbers[k] = array[place + k] if place + k < array.size else array.dtype.type(0)


@helper
def put_some(array, place, numbers):
    """The same for writing."""
    if place + WIDE <= array.size:
        store_four(array, place, numbers[0], numbers[1], numbers[2], numbers[3])
    else:
        for k in range(WIDE):
            if place + k < array.size:
                array[place + k] = numbers[k]


@helper
def _fetch_four(array, place, numbers):
    numbers[0], numbers[1], numbers[2], numbers[3] = load_four(array, place)


@helper
def _fetch_one(array, place, numbers):
    numbers[0] = array[place]


@helper
def _put_four(array, place, numbers):
    store_four(array, place, numbers[0], numbers[1], numbers[2], numbers[3])


@helper
def _put_one(array, place, numbers):
    array[place] = numbers[0]


def moves(width: int) -> tuple[Any, Any]:
    """(fetch, put) for ``width`` numbers, 4 or 1: fetch(array, place, numbers), put(array, place, numbers)."""
    return (_fetch_four, _put_four) if width == WIDE else (_fetch_one, _put_one)


def width_for(channels: int) -> int:
    """How many channels a thread takes at a time: pixels begin at addresses of vectors, or they do not."""
    return WIDE if channels % WIDE == 0 else 1
