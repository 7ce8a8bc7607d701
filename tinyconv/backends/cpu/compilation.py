"""How kernels are compiled, where their machine code is cached, and how a user hears of a compilation.

Machine code is kept on disk under a key that knows all that it was made of: ``cache_key.py``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache
from numba.core.compiler import Compiler

from tinyconv.backends import notices
from tinyconv.backends.cpu.cache_key import parts_of
from tinyconv.backends.cpu.jobs import run_jobs

try:
    from tinyconv.backends.cpu import libraries
except (ImportError, AttributeError):  # another Numba, built otherwise inside
    KernelCompiler = HelperCompiler = Compiler
else:
    KernelCompiler, HelperCompiler = libraries.KernelCompiler, libraries.HelperCompiler

jit: Any = numba.njit  # Numba's annotations leave out flags that it has: those against wrappers for Python and C

FLAGS: dict[str, Any] = {
    # Not all of fastmath: with "nnan" and "ninf" a training loop would no longer see its NaN.
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "boundscheck": False,
    "error_model": "numpy",
    "nogil": True,
}


class KernelCache(FunctionCache):
    """Numba's cache on disk, with a key of its own and a notice before a compilation."""

    def _index_key(self, sig, codegen):
        return sig, codegen.magic_tuple(), parts_of(self._py_func)

    def load_overload(self, sig, target_context):
        numba.get_num_threads()  # starts the threads, whose library has functions that the machine code calls
        notices.prepare(self._py_func.__name__, begins=True)
        found = super().load_overload(sig, target_context)
        if found is None:
            notices.compiles(self._py_func.__name__)
        else:
            notices.prepare(self._py_func.__name__, begins=False)
        return found

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except OSError as error:  # a full disk must not end a training that only wanted to start faster next time
            notices.uncached(error)
        notices.prepare(self._py_func.__name__, begins=False)


class Uncached:
    """Stands in for ``KernelCache`` where no folder is writable: keeps nothing, still gives the notice."""

    cache_path = None

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = function.__name__

    def load_overload(self, sig, target_context):
        numba.get_num_threads()
        notices.prepare(self._name, begins=True)
        notices.compiles(self._name)

    def save_overload(self, sig, data):
        notices.prepare(self._name, begins=False)

    def enable(self):
        pass

    def disable(self):
        pass

    def flush(self):
        pass


def cache_folder() -> str | None:
    """The folder in which compiled kernels are kept, chosen by Numba; None where no folder is writable."""
    try:
        # Numba chooses by the folder of the source file, which the kernels share with this function.
        return str(KernelCache(cache_folder).cache_path)
    except RuntimeError:
        return None


def kernel(function: Callable[..., None]) -> Any:
    """Make a kernel (jobs, ...) of ``function`` (job, ...): it does the jobs 0 ... jobs - 1, in parallel.

    Where ``function`` has a parameter ``jobs``, after ``job``, it is told their number. The kernel is compiled on its
    first call; its machine code is kept on disk if it can.
    """
    if "prange" in function.__code__.co_names:
        return _kept(
            jit(parallel=True, no_cfunc_wrapper=True, pipeline_class=KernelCompiler, **FLAGS)(function), function
        )
    return _called_from_python(_entry(function), function)


def kernel_of_loops(function: Callable[..., None]) -> Any:
    """A kernel that is written out: loops one after another, each as ``run_jobs``, and what is done between them."""
    return _called_from_python(function, function)


def _called_from_python(entry: Callable[..., None], function: Callable[..., None]) -> Any:
    """Compile ``entry`` to a kernel that is made of ``function``."""
    return _kept(jit(no_cfunc_wrapper=True, pipeline_class=KernelCompiler, **FLAGS)(entry), function)


def _kept(dispatcher: Any, function: Callable[..., None]) -> Any:
    """``dispatcher``, whose machine code is kept on disk if it can, under a key of ``function``."""
    try:
        dispatcher._cache = KernelCache(function)
    except RuntimeError as error:  # Numba found no folder that it may write to
        notices.uncached(error)
        dispatcher._cache = Uncached(function)
    return dispatcher


def _entry(function: Callable[..., None]) -> Callable[..., None]:
    """What Python calls: written out, because Numba takes longer to call a function of any number of arguments."""
    name = function.__name__
    _, *parameters = inspect.signature(function).parameters
    told = ", ".join(parameters)
    given = ", ".join(["jobs", *parameters[parameters[0] == "jobs" :]])
    source = f"def {name}({given}): run_jobs(job, jobs, ({told},))"
    names: dict[str, Any] = {"run_jobs": run_jobs, "job": helper(function)}
    exec(source, names)  # noqa: S102 (of nothing but names of parameters)
    made: Callable[..., None] = names[name]
    made.__module__, made.__qualname__, made.__doc__ = function.__module__, function.__qualname__, function.__doc__
    return made


def helper(function: Callable[..., Any]) -> Any:
    """Compile ``function`` into the kernels that call it. It has no cache entry of its own: theirs holds its code."""
    return _inner(function)


def inlined_helper(function: Callable[..., Any]) -> Any:
    """As ``helper``, but always part of its caller: for work so small that handing over its arguments takes longer.

    Arrays and a tuple of geometry are dozens of numbers.
    """
    return _inner(function, forceinline=True)


def exact_helper(function: Callable[..., Any]) -> Any:
    """As ``helper``, for a formula whose steps must be done as written: nothing is reordered or turned into another.

    It always becomes part of its caller, so that a loop around it is vectorised.
    """
    return _inlined(function, "contract")


def reciprocal_helper(function: Callable[..., Any]) -> Any:
    """As ``exact_helper``, but a float32 quotient may come from the processor's estimate of a reciprocal, refined."""
    return _inlined(function, "contract", "arcp")


def _inlined(function: Callable[..., Any], *liberties: str) -> Any:
    return _inner(function, fastmath=set(liberties), forceinline=True)


def _inner(function: Callable[..., Any], **changes: Any) -> Any:
    flags = {**FLAGS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **changes}
    return jit(pipeline_class=HelperCompiler, **flags)(function)
