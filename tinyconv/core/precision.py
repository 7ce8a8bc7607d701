"""How float32 is computed with: the one setting behind every choice between accuracy and speed.

It belongs to the process, not to a thread: a backward that runs in another thread computes as its forward did.
Kernels' callers ask when they start, so a change holds for everything that starts later.
"""

from __future__ import annotations

from tinyconv.core import gpu
from tinyconv.core.errors import ArgumentError
from tinyconv.core.setting import Setting

MODES = ("exact", "fast", "tf32")


def float32_precision() -> str:
    """The setting of ``set_float32_precision``: "exact", "fast" or "tf32".

    Raises: nothing of its own.

    >>> tc.get_float32_precision()
    'fast'
    """
    return set_float32_precision._value


class set_float32_precision(Setting):
    """Choose how float32 is computed with, at once; in a ``with`` statement, until its block ends.

    ``mode``: with "exact", sums of products are formed as they are written: direct convolution. With "fast", which is
    the default, also in ways that cost less. On the CPU that is Winograd convolution, whose error against float64 is
    1e-6 to 2e-5 of the largest value, which leaves such noise where the exact answer is 0, and which spreads a NaN or
    an infinity over a tile of its neighbours. On a GPU it is tensor cores with every number split into two of TF32,
    three products for one: the accuracy of float32. "tf32", for GPUs alone, takes one product, of numbers rounded to
    10 bits after the point: errors near 1e-3 of the largest value. float64 is always exact. Gradient checks and
    captured feature maps are exact whatever is set. The setting is the process's, for all its threads.

    Raises: ``ArgumentError`` for another mode, and for "tf32" where there is no GPU to compute on.

    >>> with tc.set_float32_precision("exact"):
    ...     tc.get_float32_precision()
    'exact'
    >>> tc.get_float32_precision()
    'fast'
    """

    _value = "fast"

    def __init__(self, mode: str) -> None:
        if mode not in MODES:
            raise ArgumentError(f"set_float32_precision: mode is {', '.join(map(repr, MODES))}, got {mode!r}")
        if mode == "tf32" and gpu.problem() is not None:
            raise ArgumentError(
                f"set_float32_precision: 'tf32' is a mode of GPUs, and none can be used here: {gpu.problem()}; use "
                "'fast' or 'exact'"
            )
        super().__init__(mode)
