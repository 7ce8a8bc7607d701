"""What is launched for a convolution: kernels, grids and arguments, made once for each geometry, without a GPU.

A plan knows its arrays by name only. Whoever runs it says where they are; so a test can run it without a GPU too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.launch import blocks_for
from tinyconv.backends.cuda.tensor_cores.tiles import Tile
from tinyconv.core.arrays import Pair

FLOAT_BYTES = 4
REMEMBERED = 1024
"""Plans of each kind."""

MOST_INDEX = 2**31 - 1
"""What an int32 counts to."""


class Geometry(NamedTuple):
    """The sizes of a convolution of x (N, H, W, C) with a weight (K, R, S, C / groups) to y (N, P, Q, K)."""

    images: int
    channels: int
    outputs: int
    input_size: Pair
    output_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    @property
    def group_channels(self) -> int:
        """Channels of x in each group."""
        return self.channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Channels of y in each group."""
        return self.outputs // self.groups

    @property
    def taps(self) -> int:
        """Pixels of a window."""
        return self.kernel_size[0] * self.kernel_size[1]


class Machine(NamedTuple):
    """What a plan depends on of the GPU."""

    processors: int
    warp_groups: bool = False
    """Four warps can multiply together: Hopper."""


class Role(Enum):
    """The arrays of a plan."""

    X = "x"
    WEIGHT = "weight"
    BIAS = "bias"
    Y = "y"
    WORKSPACE = "workspace"


class Place(NamedTuple):
    """So many floats after the beginning of an array."""

    role: Role
    floats: int = 0


NOWHERE = Place(Role.WORKSPACE, -1)
"""For an array that a kernel does without."""


class Step(NamedTuple):
    """One launch. The kernel's arguments are the addresses of ``places``, then ``numbers``."""

    kernel: Kernel
    grid: tuple[int, int, int]
    block: tuple[int, ...]
    shared: int
    places: tuple[Place, ...]
    numbers: tuple[int, ...]

    def arguments(self, addresses: Mapping[Role, int]) -> tuple[int, ...]:
        """What the kernel is given, for arrays at these addresses."""
        found = (0 if each is NOWHERE else addresses[each.role] + FLOAT_BYTES * each.floats for each in self.places)
        return (*found, *self.numbers)


class Plan(NamedTuple):
    """Launches, one after the other, and how many floats of workspace they need."""

    steps: tuple[Step, ...]
    workspace: int


class Way(NamedTuple):
    """How to compute a product of matrices: the tile, its kernel, and into how many partial sums."""

    tile: Tile
    kernel: Kernel
    shared: int
    splits: int
    steps_each: int


MOST_SPLITS = 256
LEAST_STEPS = 4
"""Steps of a split, to be worth its beginning and its end."""

STEPS_AROUND = 4
"""What a block takes before its first step and after its last, in steps."""

PASS_CLOCKS = 6000
"""The second pass that adds up partial sums, without its memory: one more launch."""

CLOCKS_PER_SPLIT = 50
"""To wait for a partial sum in the second pass."""

CLOCKS_PER_FLOAT = 1 / 400
"""To write a partial sum and read it again, all processors together."""


def choose_way(
    kernels: Mapping[Tile, Kernel],
    rates: Mapping[Tile, float],
    shared: Mapping[Tile, int],
    sizes: tuple[int, int, int],
    groups: int,
    processors: int,
) -> Way:
    """The tile and the splits that should take the least time, for a product of ``sizes`` (rows, columns, terms).

    ``rates``: products of numbers that a processor does in a clock with a tile; ``processors``: of the GPU.
    """
    rows, columns, terms = sizes
    ways = (
        (_clocks(tile, rates[tile], sizes, groups, splits, processors), splits, tile)
        for tile in kernels
        for splits in _splits(blocks_for(terms, tile.depth), rows * columns * groups)
    )
    _, splits, tile = min(ways, key=lambda way: way[:2])
    steps_each = max(1, blocks_for(blocks_for(terms, tile.depth), splits))
    return Way(tile, kernels[tile], shared[tile], splits, steps_each)


def _splits(steps: int, results: int) -> Iterator[int]:
    """Numbers of splits, none of which is empty."""
    yield 1
    for splits in range(2, min(MOST_SPLITS, steps // LEAST_STEPS) + 1):
        each = blocks_for(steps, splits)
        if blocks_for(steps, each) == splits and results * splits < MOST_INDEX:
            yield splits


def _clocks(tile: Tile, rate: float, sizes: tuple[int, int, int], groups: int, splits: int, processors: int) -> float:
    rows, columns, terms = sizes
    blocks = blocks_for(rows, tile.rows) * blocks_for(columns, tile.columns) * groups * splits
    steps = blocks_for(blocks_for(terms, tile.depth), splits) + STEPS_AROUND
    clocks = blocks_for(blocks, processors) * steps * tile.rows * tile.columns * tile.depth / rate
    if splits > 1:
        clocks += PASS_CLOCKS + splits * (CLOCKS_PER_SPLIT + rows * columns * groups * CLOCKS_PER_FLOAT)
    return clocks
