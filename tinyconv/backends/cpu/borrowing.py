"""Functions that borrow the arrays they are given, instead of holding on to them.

A function that Numba compiles counts whoever holds an array: up when it is given one or cuts a slice of it, down when
it is done. The counter lies in memory and is changed atomically, so two threads that cut slices of one array, a row
after another, take the counter from each other's caches: that took longer than the rows. But a caller holds what it
gives until the call is over, so the count of an argument needs no change. Here an argument is taken for an array that
nobody owns, as Numba takes those of its own parallel loops, and LLVM removes what would count it.

A function that returns an array may return a part of an argument, which its caller may let go of before the part; such
a function counts as always.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

OWNER = "meminfo", "parent"
"""The fields of an array that say who owns its memory."""


def holds_array(kind: Any) -> bool:
    """Whether a value of this type is an array, or has one in it, or is of a type that could have."""
    is_tuple = isinstance(kind, types.BaseTuple)
    if is_tuple:
        return any(map(holds_array, kind))
    return not isinstance(kind, types.Number | types.Boolean | types.NoneType)


class BorrowingLower(Lower):  # type: ignore[misc,unused-ignore]
    """Numba's translation of a function to LLVM's language, with arguments that nobody owns."""

    def extract_function_arguments(self) -> Any:
        """The values of the arguments, as the function will use them."""
        values = super().extract_function_arguments()
        if not holds_array(self.fndesc.restype):
            values = tuple(map(self._unowned, self.fndesc.argtypes, values))
        self.fnargs = values
        return values

    def _unowned(self, kind: Any, value: Any) -> Any:
        is_tuple = isinstance(kind, types.BaseTuple)
        if is_tuple:
            for place, part in enumerate(kind):
                old = self.builder.extract_value(value, place)
                new = self._unowned(part, old)
                if new is not old:
                    value = self.builder.insert_value(value, new, place)
        elif isinstance(kind, types.Array):
            model = self.context.data_model_manager[kind]
            for name in OWNER:
                place = model.get_field_position(name)
                nobody = ir.Constant(value.type.elements[place], None)
                value = self.builder.insert_value(value, nobody, place)
        return value


@register_pass(mutates_CFG=True, analysis_only=False)
class BorrowingLowering(NativeLowering):  # type: ignore[misc,unused-ignore]
    """The step of Numba's compiler that translates so."""

    _name = "borrowing_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return BorrowingLower
