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

    @property
    def loads_per_product(self) -> float:
        """Numbers and vectors loaded for each multiply-add of vectors."""
        return (self.rows + self.vectors) / (self.rows * self.vectors)


@dataclass(frozen=True)
class Host:
    """A processor as the kernels see it."""

    vector_bytes: int
    vector_registers: int

    def lanes(self, dtype: np.dtype[Any]) -> int:
        """How many numbers of ``dtype`` one SIMD vector holds."""
        return self.vector_bytes // dtype.itemsize

    def tile(self, columns: int, dtype: np.dtype[Any], rows: int = 0) -> Shape:
        """The register tile for a matrix of ``columns`` columns: the one that takes least time for all of them.

        ``rows``: their number, where it is small enough to matter.

        A tile of m rows and v vectors does m v multiply-adds for m + v loads, and needs m v + v + 1 registers. A
        multiply-add takes four cycles and two start in each: fewer than 8 sums would leave the units waiting.
        """
        lanes = self.lanes(dtype)

        def cost(tile: Shape) -> float:
            vectors = -(-columns // (tile.vectors * lanes)) * tile.vectors
            filled = max(1, rows) / (-(-max(1, rows) // tile.rows) * tile.rows) if rows else 1
            return vectors * (1 + tile.loads_per_product / 4) / filled

        return min((self.wide, self.middle, self.narrow), key=cost)

    @property
    def wide(self) -> Shape:
        """On AVX-512, 6 x 4 measured 8% faster than 8 x 2 or 12 x 2: it loads least for each multiply-add."""
        return Shape(6, 4) if self.vector_registers >= 32 else Shape(6, 2)

    @property
    def middle(self) -> Shape:
        """For too few columns to fill the wide tile."""
        return Shape(12, 2) if self.vector_registers >= 32 else Shape(6, 2)

    @property
    def narrow(self) -> Shape:
        """One vector, and so many rows that their loads of one vector pay."""
        return Shape(12, 1)


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


VECTOR_BYTES = host().vector_bytes
"""For compiled code, to which only numbers are constants."""
