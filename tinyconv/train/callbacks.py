"""What can be hung onto a training run: the moments of the loop, as methods that do nothing until overridden."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyconv.train.trainer import EpochRecord, Evaluation, Trainer


class Callback:
    """Called by ``Trainer`` at the moments below, in the order in which callbacks were given; at the end in reverse.

    Every method gets the trainer, whose ``epoch`` counts finished epochs (0 before the first), ``epochs`` those asked
    for, and ``step`` optimiser steps. A callback may set ``trainer.stop`` to end the training after the current epoch.

    Raises: nothing of its own; what a callback raises ends the training.

    >>> from tinyconv.train import Callback
    >>> class StopAtZero(Callback):
    ...     def on_epoch_end(self, trainer, record):
    ...         trainer.stop = record.train_loss == 0
    """

    def on_train_start(self, trainer: Trainer) -> None:
        """Before the first step: the model has its initial weights."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch; ``trainer.epoch`` epochs lie behind."""

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        """After an optimiser step on ``images`` images, of mean loss ``loss``.

        On a GPU, which is not waited for, only after the next step was started; in order, and none is left out.
        """

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """After the held-out data were evaluated, before ``on_epoch_end`` of the same epoch."""

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        """After an epoch; ``record.epoch == trainer.epoch``."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Always, also after an error or Ctrl-C, be it in the middle of this callback's own ``on_train_start``:
        ``trainer.outcome`` is "finished", "interrupted" or "failed".

        In reverse order, and even if another callback fails: who came first sees the last of it.
        """
