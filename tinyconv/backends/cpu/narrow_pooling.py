"""Max pooling of fewer channels than a vector holds: a vector for each pixel forward, number by number backward.

With 6 channels the loops of ``max_pooling.py``, which run over channels, begin and end more than they work.
"""

from __future__ import annotations

import numpy as np

from tinyconv.backends.cpu.compilation import kernel
from tinyconv.backends.cpu.register_tile import tile_repeat, tile_rows, tile_save, tile_store
from tinyconv.backends.cpu.simd import lanes_of, tile_choose, tile_fetch


@kernel
def narrow_max_windows(image, x, y, switches, down, across, size):
    """One image's ``y``, the largest of each window, and ``switches``, its tap: the first of equals, of NaNs the last.

    All arrays are flat.
    """
    height, width, channels = size
    rows, columns, lanes = down.shape[1], across.shape[1], lanes_of(x)
    pixels, target = np.empty(rows * columns, np.int64), np.empty(1, np.int64)
    numbers, chosen = np.empty(rows * columns * lanes, x.dtype), np.empty(lanes, x.dtype)
    for index in range(numbers.size):
        numbers[index] = index // lanes
    target[0] = image * down.shape[0] * across.shape[0] * channels
    for i in range(down.shape[0]):
        for j in range(across.shape[0]):
            for r in range(rows):
                for s in range(columns):
                    pixels[r * columns + s] = ((image * height + down[i, r]) * width + across[j, s]) * channels
            largest, number = tile_fetch(1, tile_rows(1, x, pixels, 0), 0, channels), tile_repeat(1, 1, numbers, 0)
            for tap in range(1, pixels.size):
                value = tile_fetch(1, tile_rows(1, x, pixels, tap), 0, channels)
                number = tile_choose(value, largest, tile_repeat(1, 1, numbers, tap * lanes), number)
                largest = tile_choose(value, largest, value, largest)
            tile_store(largest, tile_rows(1, y, target, 0), channels)
            tile_save(number, chosen, 0)
            for c in range(channels):
                switches[target[0] + c] = switches.dtype.type(chosen[c])
            target[0] += channels


@kernel
def narrow_switched_gradient(image, dy, switches, dx, down, across, size):
    """One image's ``dx``: the sum of dy over the windows whose switch names the pixel; all arrays flat."""
    height, width, channels = size
    columns, zero = across.shape[1], dx.dtype.type(0)
    start = image * height * width * channels
    for place in range(start, start + height * width * channels):
        dx[place] = zero
    source = image * down.shape[0] * across.shape[0] * channels
    offsets = np.empty(down.shape[1] * columns, np.int64)
    for i in range(down.shape[0]):
        for j in range(across.shape[0]):
            for r in range(down.shape[1]):
                for s in range(columns):
                    offsets[r * columns + s] = start + (down[i, r] * width + across[j, s]) * channels
            for c in range(channels):
                dx[offsets[switches[source + c]] + c] += dy[source + c]
            source += channels
