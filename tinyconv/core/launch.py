"""Whether this process was started by an MPI launcher, as one of several; told by the environment alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

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


def launched(environment: Mapping[str, str] | None = None) -> Launch | None:
    """What the launcher says in ``environment``, by default the process's; None where it was started alone.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import launched
    >>> launched({"PMI_RANK": "1", "PMI_SIZE": "4"})
    Launch(rank=1, ranks=4)
    """
    if environment is None:
        environment = os.environ
    for rank, ranks in LAUNCHERS:
        if environment.get(rank, "").isdecimal() and environment.get(ranks, "").isdecimal():
            launch = Launch(int(environment[rank]), int(environment[ranks]))
            return launch if launch.ranks > 1 else None
    return None
