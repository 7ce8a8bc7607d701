"""Training by several processes, on one machine or on many: each computes a part of every batch.

All have the same weights. Each takes its part of a batch through the network and back; the gradients are added up over
all of them, while backward still goes on, and every process takes the same step with the sum. See ``docs/parallel.md``.
"""

from __future__ import annotations

from tinyconv.core.communication import Alone, Communicator, world
from tinyconv.core.launch import Launch, launched
from tinyconv.train.parallel.averaging import GradientSum
from tinyconv.train.parallel.data_parallel import DataParallel
from tinyconv.train.parallel.joining import join_world, share_processors
from tinyconv.train.parallel.replicas import average_buffers, check_alike, check_replicas, share_weights

__all__ = [
    "Alone",
    "Communicator",
    "DataParallel",
    "GradientSum",
    "Launch",
    "average_buffers",
    "check_alike",
    "check_replicas",
    "join_world",
    "launched",
    "share_processors",
    "share_weights",
    "world",
]
