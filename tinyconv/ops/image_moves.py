"""What augmentation does to arrays of images, for the floor above, which does not call the backends.

Images are prepared where they lie, in the memory of the host, whatever device then computes with them.
"""

from __future__ import annotations

from tinyconv.backends import backend
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.devices import CPU
from tinyconv.core.random import stream_number


def uniform_rows(seed: int, stream: str, epoch: int, samples: Array, count: int) -> Array:
    """float64 (N, count) in [0, 1): row n is what ``random.philox(seed, stream, epoch, samples[n])`` draws."""
    numbers: Array = backend(CPU).uniform_rows(seed, stream_number(stream), epoch, samples, count)
    return numbers


def picked(images: FloatArray, rows: Array, columns: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, rows[n, i], columns[n, j]], or 0 where one of them is negative."""
    result: FloatArray = backend(CPU).picked(images, rows, columns)
    return result


def warped(images: FloatArray, matrices: Array) -> FloatArray:
    """result[n, :, i, j] = images[n, :, y, x] with (y, x) = centre + matrices[n] (i - centre_y, j - centre_x).

    ``images``: (N, C, H, W) floating point; ``matrices``: (N, 2, 2). Between pixels the image is interpolated
    bilinearly, beyond its edge it continues with the edge's pixels. The result has the type of ``images``.
    """
    result: FloatArray = backend(CPU).warped(images, matrices)
    return result
