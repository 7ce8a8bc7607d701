"""How a process that an MPI launcher started meets the others.

mpi4py is imported only there: its import waits for the others, and in a process that nobody launched it costs time.
"""

from __future__ import annotations

import hashlib
import os
import socket

import numpy as np

from tinyconv.core import launch
from tinyconv.core.communication import Communicator, join, world
from tinyconv.core.errors import ArgumentError


def join_world() -> Communicator:
    """Meet the processes that were launched with this one; gives their communicator, or that of a process alone.

    From then on, an error that nothing catches ends all of them.

    Raises: ``ArgumentError`` where mpi4py is missing, or belongs to another MPI than the launcher.

    >>> from tinyconv.train.parallel import join_world
    >>> join_world().ranks
    1
    """
    started = launch.launched()
    if started is None or world().ranks > 1:
        return world()
    try:
        from tinyconv.train.parallel.mpi import MPICommunicator

        communicator = MPICommunicator()
    except (ImportError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ArgumentError(
            f"an MPI launcher started this as process {started.rank} of {started.ranks}, but mpi4py cannot be used "
            f"({reason}); pip install 'tinyconv[mpi]' brings it and an MPI, or start one process without the launcher"
        ) from None
    if communicator.ranks != started.ranks:
        raise ArgumentError(
            f"the launcher started {started.ranks} processes, but mpi4py sees {communicator.ranks}: it uses another "
            "MPI than the launcher's; call the mpiexec that stands beside this Python"
        )
    join(communicator)
    return communicator


def share_processors(communicator: Communicator, threads: int) -> int:
    """How many of ``threads``, which is one for each processor that this process may use, are this process's own.

    Processes that may use the same processors of the same machine get equally many; those that their launcher has
    bound to different ones share nothing.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import Alone, share_processors
    >>> share_processors(Alone(), threads=8)
    8
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    place = hashlib.blake2b(f"{socket.gethostname()} {allowed}".encode(), digest_size=8).digest()
    everyone = communicator.gather(np.frombuffer(place, np.uint64))[:, 0]
    sharers = int((everyone == everyone[communicator.rank]).sum())
    return max(1, threads // sharers)
