"""Whether tinyconv can compute on a GPU here."""

from __future__ import annotations

from tinyconv.core import devices


def is_available() -> bool:
    """Whether a CUDA device can be used. The engine has no CUDA kernels yet, so there is none."""
    return "cuda" in devices.KINDS


def device_count() -> int:
    """How many CUDA devices can be used."""
    return int(is_available())
