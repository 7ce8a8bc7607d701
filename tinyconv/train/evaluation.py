"""A model's loss and confusions on data that it does not learn from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.errors import DataError
from tinyconv.core.transfer import to_host
from tinyconv.models.auxiliary import logits_of
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module
from tinyconv.train import metrics
from tinyconv.train.communicator import Communicator
from tinyconv.train.records import BatchSource, Evaluation, checked, classes_of


def evaluated(model: Module, loss: Any, data: BatchSource, communicator: Communicator | None = None) -> Evaluation:
    """Of ``model`` in evaluation mode, without a tape. With a ``communicator`` each process has its part of ``data``.

    Raises ``DataError`` where there are none.
    """
    total_loss = 0.0
    true, predicted = [], []
    classes = 0
    with no_grad(), evaluation_mode(model):
        for batch in data:
            images, labels = checked(batch)
            logits = logits_of(model(images))
            classes = logits.array.shape[1]
            total_loss += float(loss(logits, labels).item()) * len(labels.array)
            true.append(to_host(classes_of(labels)))
            predicted.append(to_host(logits.array.argmax(axis=1)))
    if not true:
        raise DataError("Trainer.evaluate: there are no held-out images")
    confusion = metrics.confusion_matrix(np.concatenate(true), np.concatenate(predicted), classes)
    if communicator is not None:
        sums = communicator.total(np.array([total_loss, *confusion.ravel()], np.float64))
        total_loss, confusion = float(sums[0]), sums[1:].astype(np.int64).reshape(confusion.shape)
    return Evaluation(total_loss / int(confusion.sum()), confusion)
