"""The moments of a training run, as methods that do nothing until overridden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyconv.train.records import EpochRecord, Evaluation
    from tinyconv.train.trainer import Trainer


class Callback:
    """Called by ``Trainer`` at the moments below, in the order in which callbacks were given; at the end in reverse.

    Every method gets the trainer, whose ``epoch`` counts finished epochs (0 before the first), ``epochs`` those asked
    for, ``step`` optimiser steps, ``batch`` batches of the running epoch, and whose ``learning_rate`` is that of the
    step told of. A callback may set ``trainer.stop`` to end the training after the current epoch.

    What a callback learns on its way and needs when the training is resumed, it gives in ``state_dict``.

    Raises: nothing of its own; what a callback raises ends the training.

    >>> from tinyconv.train import Callback
    >>> class StopAtZero(Callback):
    ...     def on_epoch_end(self, trainer, record):
    ...         trainer.stop = record.train_loss == 0
    """

    def on_train_start(self, trainer: Trainer) -> None:
        """Before the first step: the model has its initial weights, or those of the state that was loaded."""

    def on_note(self, trainer: Trainer, text: str) -> None:
        """A line for whoever follows the training, such as what a model has learnt before the first step."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch; ``trainer.epoch`` epochs lie behind.

        A training resumed in the middle of an epoch says so too: ``trainer.batch`` of its batches lie behind.
        """

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        """After an optimiser step on ``images`` images, of mean loss ``loss``; of several batches where accumulated.

        On a GPU, which is not waited for, only after the next step was started; in order, and none is left out.
        """

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """After the held-out data were evaluated, before ``on_epoch_end`` of the same epoch."""

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        """After an epoch; ``record.epoch == trainer.epoch``."""

    def on_settled(self, trainer: Trainer) -> None:
        """After a step or an epoch that every callback has heard of: ``trainer.state_dict()`` is whole now."""

    def on_train_end(self, trainer: Trainer) -> None:
        """Always, also after an error or Ctrl-C, be it in the middle of this callback's own ``on_train_start``:
        ``trainer.outcome`` is "finished", "interrupted" or "failed".

        In reverse order, and even if another callback fails: who came first sees the last of it.
        """

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs of this callback: tensors, arrays, numbers, text, lists and dictionaries."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` gave; before ``on_train_start``. Not called where that was empty."""
