"""Counter-based random numbers: every draw is a pure function of (seed, stream, position).

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) encrypts a counter, so a number does not
depend on what was drawn before it elsewhere: a prefetching loader, the number of threads, or the order in which layers
were built never changes a result.
"""

from __future__ import annotations

import secrets
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError

MAX_SEED = 2**63 - 1


def philox(seed: int, stream: str, *position: int) -> np.random.Generator:
    """A NumPy generator at ``position`` (up to two numbers, such as epoch and sample) of a named ``stream``.

    Positions differ in the upper words of Philox's 256-bit counter, so each has 2**128 draws of its own.
    """
    return Place(seed, stream_number(stream), *position).generator()


def stream_number(stream: str) -> int:
    """What stands for the name of a stream in Philox's key."""
    return zlib.crc32(stream.encode())


class Place(NamedTuple):
    """Where Philox starts: the two words of its key, and the upper two of its counter."""

    seed: int
    stream: int
    low: int = 0
    high: int = 0

    def generator(self) -> np.random.Generator:
        """NumPy's numbers from here on."""
        key = np.array([self.seed, self.stream], dtype=np.uint64)
        counter = np.array([0, 0, self.low, self.high], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))


class Generator:
    """A source of random draws that can be seeded, copied and restored: its state is two integers.

    ``seed``: where it starts. PyTorch has the device there, ``Generator("cpu")``, which is taken too.
    ``stream``: draws of another name are other numbers. Every draw is a function of seed, stream and how many draws
    came before it, whatever the number of threads. A forked process has the state as it was at the fork, and draws what
    its parent draws next: give each a seed or a stream of its own where the numbers must differ.

    Raises: ``ArgumentError`` for a seed outside 0 ... 2**63 - 1, ``DeviceError`` for a device that is not there.
    Source: Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox).

    >>> first, second = tc.Generator(), tc.Generator()
    >>> bool((first.manual_seed(3).draw().random(2) == second.manual_seed(3).draw().random(2)).all())
    True
    """

    def __init__(self, seed: int | str = 0, stream: str = "default", *, device: Any = None) -> None:
        if isinstance(seed, str | Device):
            seed, device = 0, seed
        self.device = Device(device or "cpu")
        self._stream_number = stream_number(stream)
        self._lock = threading.Lock()
        self._seed, self._draws = 0, 0
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Restart at ``seed`` (0 to 2**63 - 1) and return the generator itself, as PyTorch does."""
        if not isinstance(seed, int | np.integer) or not 0 <= seed <= MAX_SEED:
            raise ArgumentError(f"a seed is a whole number, 0 ... {MAX_SEED}; got {seed!r}")
        with self._lock:
            self._seed, self._draws = int(seed), 0
        return self

    def seed(self) -> int:
        """Restart at a seed that the system draws, and return it."""
        seed = secrets.randbelow(MAX_SEED)
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed last given."""
        return self._seed

    def get_state(self) -> tuple[int, int]:
        """(seed, draws so far): JSON-friendly, and enough to continue bit for bit."""
        return self._seed, self._draws

    def set_state(self, state: tuple[int, int]) -> None:
        """Go on from what ``get_state`` gave."""
        if not isinstance(state, tuple | list) or len(state) != 2:
            raise ArgumentError(f"set_state: a state is the pair that get_state gave, got {state!r}")
        with self._lock:
            self._seed, self._draws = int(state[0]), int(state[1])

    def draw(self) -> np.random.Generator:
        """A fresh NumPy generator for one operation; each call advances the state by one."""
        return self.place().generator()

    def place(self) -> Place:
        """Where the numbers of one operation start, for a kernel that draws them itself; counts as a draw."""
        with self._lock:
            position = self._draws
            self._draws += 1
            return Place(self._seed, self._stream_number, position)


class _Substitute(threading.local):
    generator: Generator | None = None


_substitute = _Substitute()


class _DefaultGenerator(Generator):
    """The one that everything draws from unless it is told otherwise."""

    def place(self) -> Place:
        substitute = _substitute.generator
        return super().place() if substitute is None else substitute.place()


default_generator: Generator = _DefaultGenerator(0)


@contextmanager
def drawing_from(generator: Generator) -> Iterator[None]:
    """Let ``generator`` stand in for the default one, on this thread, inside the block.

    A loader gives each batch a generator of its own so: whichever thread prepares it, it draws the same numbers.
    """
    previous = _substitute.generator
    _substitute.generator = generator
    try:
        yield
    finally:
        _substitute.generator = previous


def manual_seed(seed: int) -> Generator:
    """Seed the generator behind initialisers, dropout, ``rand`` and ``randn``. Returns it.

    Raises: ``ArgumentError`` for a seed outside 0 ... 2**63 - 1.

    >>> first = tc.manual_seed(7) and tc.rand(3)
    >>> tc.equal(first, tc.manual_seed(7) and tc.rand(3))
    True
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed last given to ``manual_seed`` (0 before).

    Raises: nothing of its own.

    >>> generator = tc.manual_seed(7)
    >>> tc.initial_seed()
    7
    """
    return default_generator.initial_seed()


def drawn_from(generator: Generator | None) -> np.random.Generator:
    """A fresh NumPy generator from ``generator``, by default from the one that ``manual_seed`` seeds."""
    if generator is not None and not isinstance(generator, Generator):
        raise ArgumentError(
            f"generator must be a Generator, got {type(generator).__name__} {generator!r:.60}; "
            "tinyconv.Generator().manual_seed(seed) makes one"
        )
    return (generator or default_generator).draw()


def normal(shape: tuple[int, ...], dtype: np.dtype[Any], generator: Generator | None = None) -> Any:
    """Standard normal numbers, drawn in float64 so that float32 and float64 networks start alike."""
    return drawn_from(generator).standard_normal(shape).astype(dtype, copy=False)


def uniform(shape: tuple[int, ...], dtype: np.dtype[Any], generator: Generator | None = None) -> Any:
    """Uniform numbers in [0, 1), drawn in float64; rounding to float32 never reaches 1."""
    numbers = drawn_from(generator).random(shape)
    if dtype == np.float32:
        return np.minimum(numbers.astype(np.float32), np.float32(1 - 2**-24))
    return numbers.astype(dtype, copy=False)
