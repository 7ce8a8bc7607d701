"""What the host's processor offers: SIMD width, registers, and the register tile that follows from them.

``NUMBA_CPU_FEATURES`` (and ``NUMBA_CPU_NAME=generic``, which has none) override what is detected, exactly as they do
for Numba, so the tiles of other processors can be compiled and tested here.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np
from numba.core import config as numba_config

config: Any = numba_config


class Shape(NamedTuple):
    """A register tile: rows, and SIMD vectors in each."""

    rows: int
    vectors: int


@dataclass(frozen=True)
class Host:
    """A processor as the kernels see it."""

    vector_bytes: int
    vector_registers: int

    def lanes(self, dtype: np.dtype[Any]) -> int:
        """How many numbers of ``dtype`` one SIMD vector holds."""
        return self.vector_bytes // dtype.itemsize

    def tile(self, columns: int, dtype: np.dtype[Any]) -> Shape:
        """The register tile for a matrix of ``columns`` columns: narrow if one vector holds them all, else wide.

        A tile of m rows and v vectors does m v multiply-adds for m + v loads, and needs m v + v + 1 registers. A
        multiply-add takes four cycles and two start in each: fewer than 8 sums would leave the units waiting.
        """
        return self.narrow if columns <= self.lanes(dtype) else self.wide

    @property
    def wide(self) -> Shape:
        """8 x 2 measured as fast as 6 x 4 and 12 x 2 on AVX-512, and wastes less where channels are few."""
        if self.vector_bytes == 64:
            return Shape(8, 2)
        return Shape(6, 4) if self.vector_registers >= 32 else Shape(6, 2)

    @property
    def narrow(self) -> Shape:
        return Shape(8, 1)


def _features() -> set[str]:
    forced = config.CPU_FEATURES
    if forced is not None:
        return {feature[1:] for feature in forced.split(",") if feature.startswith("+")}
    return {feature for feature, present in llvm.get_host_cpu_features().items() if present}


@functools.cache
def host() -> Host:
    """The processor that Numba compiles for."""
    features = _features()
    if "avx512f" in features:
        return Host(vector_bytes=64, vector_registers=32)
    if "avx" in features:
        return Host(vector_bytes=32, vector_registers=16)
    if "neon" in features:
        return Host(vector_bytes=16, vector_registers=32)
    return Host(vector_bytes=16, vector_registers=16)
