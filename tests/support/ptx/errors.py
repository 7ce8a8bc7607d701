"""What the interpreter raises."""

from typing import Any

import numpy as np


class PtxError(Exception):
    """A program does what no GPU promises to survive: the message names the instruction, the thread, and the fault."""


class ThreadError(Exception):
    """What is wrong, and with which of the threads that run: the machine makes a ``PtxError`` of it."""

    def __init__(self, reason: str, first: int):
        super().__init__(reason)
        self.first = first


def refuse(bad: Any, reason: str, *of: np.ndarray) -> None:
    """Raise if ``bad`` holds for a thread; ``{}`` in the reason are that thread's numbers in the arrays ``of``."""
    if np.any(bad):
        first = int(np.argmax(bad))
        raise ThreadError(reason.format(*(int(array[first]) for array in of)), first)
