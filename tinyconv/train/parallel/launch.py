"""Whether this process was started by an MPI launcher, as one of several; told by the environment alone.

mpi4py is imported only then: its import joins the others, and in a process that nobody launched it costs time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from tinyconv.core.communication import Communicator, join, world
from tinyconv.core.errors import ArgumentError

LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),  # mpiexec of MPICH and Intel MPI, srun --mpi=pmi2
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # mpiexec of Open MPI
    ("PMIX_RANK", "SLURM_STEP_NUM_TASKS"),  # srun --mpi=pmix
)
"""What launchers put into the environment of each process that they start: its number, and how many there are."""


class Launch(NamedTuple):
    """Process number ``rank`` of ``ranks``, as its launcher says.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import Launch
    >>> Launch(rank=0, ranks=4).ranks
    4
    """

    rank: int
    ranks: int


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """What the launcher says; None for a process that was started alone.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import launched
    >>> launched({"PMI_RANK": "1", "PMI_SIZE": "4"})
    Launch(rank=1, ranks=4)
    """
    for rank, ranks in LAUNCHERS:
        if environment.get(rank, "").isdecimal() and environment.get(ranks, "").isdecimal():
            launch = Launch(int(environment[rank]), int(environment[ranks]))
            return launch if launch.ranks > 1 else None
    return None


def join_world() -> Communicator:
    """Meet the processes that were launched with this one; gives their communicator, or that of a process alone.

    From then on, an error that nothing catches ends all of them.

    Raises: ``ArgumentError`` where mpi4py is missing, or belongs to another MPI than the launcher.

    >>> from tinyconv.train.parallel import join_world
    >>> join_world().ranks
    1
    """
    launch = launched()
    if launch is None or world().ranks > 1:
        return world()
    try:
        from tinyconv.train.parallel.mpi import MPICommunicator

        communicator = MPICommunicator()
    except (ImportError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ArgumentError(
            f"this is process {launch.rank} of {launch.ranks} that an MPI launcher started, but mpi4py cannot be used "
            f"({reason}); pip install 'tinyconv[mpi]' brings it and an MPI, or start one process without the launcher"
        ) from None
    if communicator.ranks != launch.ranks:
        raise ArgumentError(
            f"the launcher started {launch.ranks} processes, but mpi4py sees {communicator.ranks}: it uses another "
            "MPI than the launcher's; call the mpiexec that stands beside this Python"
        )
    join(communicator)
    return communicator
