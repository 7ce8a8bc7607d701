"""The width of the vectors into which LLVM turns a loop.

On processors with 512-bit vectors LLVM prefers those of 256 bits, because mixed code once lost clock frequency by the
wide ones. For loops that calculate on every element they are measured to be twice as fast.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from tinyconv.backends.cpu.host import host


def _type_and_code(_: Any) -> Any:
    return types.void(), _request


def _request(context: Any, builder: Any, _: Any, __: Any) -> Any:
    bits = 8 * host().vector_bytes
    set.add(builder.function.attributes, f'"prefer-vector-width"="{bits}"')  # llvmlite's own add knows fewer names
    return context.get_dummy_value()


use_widest_vectors: Any = intrinsic(_type_and_code)
"""Called in a helper, it gives the helper's own loops the processor's widest vectors; its caller's are not touched."""
