"""What a training takes and what it tells: batches, and the figures of an epoch and of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tinyconv.core import exchange
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ShapeError
from tinyconv.ops.creation.creation import as_tensor
from tinyconv.ops.tensor import Tensor
from tinyconv.train import metrics

Batch = Sequence[Any]
"""(images, labels): float Tensor (B, C, H, W) and int64 Tensor (B,), or float (B, classes): a share of each class."""


class BatchSource(Protocol):
    """A ``DataLoader``, ``Batches``, or a list of batches: can be run through again for every epoch.

    Where it has ``set_epoch(epoch)``, that is called before each pass; ``start_at(batch)`` before one that begins at
    another than its first batch.
    """

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...


@dataclass(frozen=True)
class Evaluation:
    """Loss and confusion matrix of a model on data that it did not learn from.

    Raises: nothing of its own.

    >>> from tinyconv.train import Evaluation
    >>> Evaluation(loss=0.5, confusion=np.array([[3, 1], [0, 4]])).accuracy
    0.875
    """

    loss: float
    confusion: Array

    @property
    def accuracy(self) -> float:
        """The share of samples that was recognised."""
        return metrics.accuracy(self.confusion)

    @property
    def samples(self) -> int:
        """How many samples there were."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many were recognised."""
        return int(np.trace(self.confusion))


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    ``train_loss`` and ``train_accuracy`` are means over the epoch's batches as they were learnt from: augmented, with
    dropout, and with weights that were still changing. ``test_*`` are measured after the epoch, on unchanged images in
    evaluation mode; None without held-out data. ``images_per_second`` counts training only, ``seconds`` everything
    since the training began. ``waiting``: the share of the training's time in which no batch was ready.

    Raises: nothing of its own.

    >>> from tinyconv.train import EpochRecord
    >>> EpochRecord(1, 10, 0.1, 0.7, 0.5, 0.6, 0.55, 1000.0, 2.5).test_accuracy
    0.55
    """

    epoch: int
    steps: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    images_per_second: float
    seconds: float
    waiting: float | None = None


def checked(batch: Batch) -> tuple[Tensor, Tensor]:
    """A batch as (images, labels); PyTorch's tensors as ours. Raises ``ShapeError`` where it is something else."""
    if len(batch) != 2:
        raise ShapeError(f"Trainer: a batch must be (images, labels), got {len(batch)} parts")
    images, labels = (as_tensor(part) if _is_of_others(part) else part for part in batch)
    if not isinstance(images, Tensor) or not isinstance(labels, Tensor):
        kinds = f"{type(images).__name__} and {type(labels).__name__}"
        raise ShapeError(
            f"Trainer: images and labels must be tensors, got {kinds}; wrap arrays with tinyconv.from_numpy"
        )
    if len(images.array) != len(labels.array):
        raise ShapeError(f"Trainer: a batch of {len(images.array)} images came with {len(labels.array)} labels")
    return images, labels


def _is_of_others(part: Any) -> bool:
    return not isinstance(part, Tensor) and exchange.is_foreign(part)


def classes_of(labels: Tensor) -> Any:
    """The class of each sample (N,): itself, or of targets (N, classes) the one with the largest share."""
    return labels.array if labels.array.ndim == 1 else labels.array.argmax(axis=1)
