"""The command as one of several processes that an MPI launcher started: the first one speaks, and all end together."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tinyconv.core.communication import world
from tinyconv.core.launch import launched

if TYPE_CHECKING:
    from tinyconv.train.parallel import DataParallel

ERROR_PATIENCE = 5.0
"""Seconds after which another process than the first reports an error: the first, which has most of them too, does so
sooner, and ends the others."""

INTERRUPTION_PATIENCE = 300.0
"""Seconds that others leave the first process, interrupted with them, to write its checkpoint."""

READING_PATIENCE = 5.0
"""Seconds that the launcher has to read what a process said last."""


def is_first() -> bool:
    """Whether this process is the one that prints and writes files."""
    launch = launched()
    return launch is None or launch.rank == 0


def join(threads: int | None) -> DataParallel | None:
    """Meet the other processes, if there are any. Without ``threads``, the processors are shared among them."""
    if launched() is None:
        return None
    from tinyconv.ops import machine
    from tinyconv.train.parallel import DataParallel, join_world, share_processors

    communicator = join_world()
    if threads is None:
        machine.set_num_threads(share_processors(communicator, machine.get_num_threads()))
    return DataParallel(communicator)


def end_all(message: str, code: int, interrupted: bool) -> NoReturn:
    """Report the error that ends this process, with exit code ``code``, and end the others, who would wait for it."""
    launch = launched()
    if launch is None:
        _report(message)
        sys.exit(code)
    from tinyconv.train.parallel import join_world
    from tinyconv.train.parallel.last_words import wait_until_read

    # Those that have no error wait, at the latest where processes meet first: only who has met them can end them.
    with contextlib.suppress(Exception):
        join_world()
    if launch.rank > 0:
        time.sleep(INTERRUPTION_PATIENCE if interrupted else ERROR_PATIENCE)
    _report(message if launch.rank == 0 else f"{message} (process {launch.rank} of {launch.ranks})")
    for stream in (sys.stdout, sys.stderr):
        wait_until_read(stream, READING_PATIENCE)
    _silence()
    world().abort(code)
    sys.exit(code)


def _silence() -> None:
    """Nothing more is printed: what MPI has to say of an end is less than the error, and only hides it."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())


def _report(message: str) -> None:
    from tinyconv.utils.streams import LenientStream

    LenientStream(sys.stderr).line(f"Error: {' '.join(message.split())}")
