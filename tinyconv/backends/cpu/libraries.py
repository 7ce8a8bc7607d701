"""Machine code for whole kernels alone, not for each of the functions that they are put together from.

Numba makes a library of every function: of a kernel, of each helper that it calls, of the body of its parallel loop, of
two wrappers around that, and of every function of NumPy's in it. Each is optimised and turned into machine code by
itself, and then again inside of all that it is linked into, though only the kernel is ever run: of a parallel kernel's
helper, four machine codes are made in vain. Here none but the kernel's is made, which halves the time of a compilation.

All this lies inside Numba, where another version may be built otherwise. ``missing`` finds that out: importing this
file fails then, and kernels are compiled as Numba does it, which takes longer.

The innermost helpers are still optimised by themselves: a register tile that is first seen inside of all the loops
around it can come out a tenth slower.
"""

from __future__ import annotations

from typing import Any, ClassVar

import llvmlite.binding as llvm
from numba.core import codegen
from numba.core.compiler import Compiler
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from tinyconv.backends.cpu.borrowing import BorrowingLowering

PARTS = {
    codegen.JITCodeLibrary: (
        "_optimize_functions", "_optimize_final_module", "_finalize_final_module", "_verify_declare_only_symbols",
        "get_pointer_to_function", "enable_object_caching",
    ),
    codegen.JITCPUCodegen: ("_library_class", "_add_module"),
    Compiler: ("_compile_core", "define_pipelines"),
    Lower: ("extract_function_arguments",),
    NativeLowering: ("lowering_class",),
}  # fmt: skip
"""What is overridden or called here."""


def missing(parts: dict[type, tuple[str, ...]]) -> list[str]:
    """Which of ``parts`` this Numba does not have."""
    return [f"{owner.__name__}.{name}" for owner, names in parts.items() for name in names if not hasattr(owner, name)]


if missing(PARTS):
    raise ImportError(f"this version of Numba has no {', '.join(missing(PARTS))}")


class InnerLibrary(codegen.JITCodeLibrary):  # type: ignore[misc,unused-ignore]
    """A library that is only ever linked into others, as it was written."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        """Make known to the engine all that Numba asks it for: the variables in which it keeps environments."""
        self._verify_declare_only_symbols()
        names = {variable.name for variable in self._final_module.global_variables}
        engine = self._codegen._engine
        new = [name for name in names if name.startswith("_ZN08NumbaEnv") and not engine.is_symbol_defined(name)]
        if new:
            text = "\n".join(f'@"{name}" = common global i8* null' for name in new)
            module = llvm.parse_assembly(text)
            module.data_layout = self._codegen._data_layout
            self._codegen._add_module(module)
            engine.finalize_object()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Zero, which says that there is none."""
        self._ensure_finalized()
        return 0


class HelperLibrary(InnerLibrary):
    """A library that is only ever linked into others; optimised before, unless it is made of other helpers."""

    _optimize_functions = codegen.JITCodeLibrary._optimize_functions

    def _optimize_final_module(self) -> None:
        if not any(isinstance(library, HelperLibrary) for library in self._linking_libraries):
            codegen.JITCodeLibrary._optimize_final_module(self)


class HelperCompiler(Compiler):  # type: ignore[misc,unused-ignore]
    """Numba's compiler, for a helper: it runs while a kernel is compiled."""

    library_class: ClassVar[type[codegen.JITCodeLibrary]] = HelperLibrary

    def define_pipelines(self) -> Any:
        """Numba's steps, in which arguments are borrowed."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [
                (BorrowingLowering if step is NativeLowering else step, why) for step, why in pipeline.passes
            ]
            pipeline.finalize()
        return pipelines

    def _compile_core(self) -> Any:
        name = self.state.func_id.func_qualname
        self.state.library = self.library_class(self.state.targetctx.codegen(), name)
        self.state.library.enable_object_caching()
        return super()._compile_core()


class KernelCompiler(HelperCompiler):
    """Numba's compiler, which makes a library as always for the kernel, and inner ones for what is compiled in it."""

    library_class = codegen.JITCodeLibrary

    def _compile_core(self) -> Any:
        builder = self.state.targetctx.codegen()
        usual = builder._library_class
        builder._library_class = InnerLibrary  # no other thread sees it: Numba compiles under one lock
        try:
            return super()._compile_core()
        finally:
            builder._library_class = usual
