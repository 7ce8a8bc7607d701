"""Whether tinyconv can compute on a GPU here."""

from __future__ import annotations

from typing import Any

from tinyconv.core import devices
from tinyconv.core.absent import explaining
from tinyconv.core.random import Generator

__getattr__ = explaining(__name__)


def is_available() -> bool:
    """Whether a CUDA device can be used. The engine has no CUDA kernels yet, so there is none.

    Raises: nothing of its own.

    >>> tc.cuda.is_available()
    False
    """
    return "cuda" in devices.KINDS


def device_count() -> int:
    """How many CUDA devices can be used.

    Raises: nothing of its own.

    >>> tc.cuda.device_count()
    0
    """
    return int(is_available())


def manual_seed(seed: Any) -> None:
    """Seed the current CUDA device, if there is one: without, as in PyTorch, nothing happens.

    ``tc.manual_seed`` seeds all numbers that tinyconv draws.

    Raises: ``ArgumentError`` for what is no seed.

    >>> tc.cuda.manual_seed(0)
    """
    Generator().manual_seed(seed)


def manual_seed_all(seed: Any) -> None:
    """Seed all CUDA devices, of which there may be none: then, as in PyTorch, nothing happens.

    ``tc.manual_seed`` seeds all numbers that tinyconv draws.

    Raises: ``ArgumentError`` for what is no seed.

    >>> tc.cuda.manual_seed_all(0)
    """
    manual_seed(seed)
