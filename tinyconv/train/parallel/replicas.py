"""All processes have the same weights: at the start they get those of process 0, and later it is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.communication import Communicator
from tinyconv.core.errors import RunError
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.synchronized import SyncBatchNorm
from tinyconv.ops.tensor import Tensor

DIGEST_BYTES = 16


def share_weights(model: Module, communicator: Communicator) -> None:
    """Give every process the parameters and buffers of process 0.

    Raises: ``RunError`` where a process does not have them afterwards: its model is another.

    >>> from tinyconv.train.parallel import Alone, share_weights
    >>> share_weights(nn.Linear(2, 2), Alone())
    """
    shapes = np.frombuffer(_digest(str(tensor.array.shape).encode() for _, tensor in _tensors(model)), np.uint8)
    check_alike(shapes, communicator, "a model of other shapes", "build the same on all of them")
    for _, tensor in _tensors(model):
        values = np.ascontiguousarray(tensor.array)
        communicator.broadcast(values)
        if communicator.rank > 0:
            tensor.array[...] = values
            tensor.bump_version()
    check_replicas(model, communicator)


def check_replicas(model: Module, communicator: Communicator) -> None:
    """Compare all processes' parameters and buffers with those of process 0, bit by bit.

    Raises: ``RunError`` that names the process that has others.

    >>> from tinyconv.train.parallel import Alone, check_replicas
    >>> check_replicas(nn.Linear(2, 2), Alone())
    """
    digest = _digest(np.ascontiguousarray(tensor.array).tobytes() for _, tensor in _tensors(model))
    check_alike(
        np.frombuffer(digest, np.uint8),
        communicator,
        "other weights",
        "all took the same steps: something beside the training changed them there, or that machine computes otherwise",
    )


def check_alike(values: Array, communicator: Communicator, what: str, advice: str) -> None:
    """Compare ``values``, such as labels, with those of process 0. All processes call this with as many bytes or not.

    Raises: ``RunError`` "process 1 has ``what`` than process 0; ``advice``".

    >>> from tinyconv.train.parallel import Alone, check_alike
    >>> check_alike(np.arange(3), Alone(), "other labels", "give all processes the same data")
    """
    digest = np.frombuffer(_digest(iter([str(values.shape).encode(), values.tobytes()])), np.uint8)
    everyone = communicator.gather(digest)
    others = np.flatnonzero((everyone != everyone[0]).any(axis=1))
    if len(others):
        raise RunError(f"process {others[0]} has {what} than process 0; {advice}")


def average_buffers(model: Module, communicator: Communicator) -> None:
    """Replace the running statistics of layers that are not synchronised by their mean over all processes.

    Each process has seen other images, and evaluation should not depend on which of them evaluates.

    Raises: nothing of its own.

    >>> from tinyconv.train.parallel import Alone, average_buffers
    >>> average_buffers(nn.BatchNorm2d(2), Alone())
    """
    for module in model.modules():
        if isinstance(module, SyncBatchNorm):
            continue
        for _, buffer in module.named_buffers(recurse=False):
            if buffer.dtype.is_floating_point:
                values = np.ascontiguousarray(buffer.array)
                communicator.sum(values)
                buffer.array[...] = values / communicator.ranks
                buffer.bump_version()


def _tensors(model: Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _digest(pieces: Iterator[bytes]) -> bytes:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
