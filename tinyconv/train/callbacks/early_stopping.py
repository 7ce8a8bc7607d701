"""An end to a training that no longer gets better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError
from tinyconv.train.callbacks.callback import Callback

if TYPE_CHECKING:
    from tinyconv.train.records import Evaluation
    from tinyconv.train.trainer import Trainer


class EarlyStopping(Callback):
    """Stops a training after ``patience`` epochs in a row without a lower held-out loss.

    The held-out data decide when it ends, so that the accuracy on them at that moment is a little too good an estimate.

    Raises: ``ArgumentError`` for a patience below 1.

    >>> from tinyconv.train import EarlyStopping, Trainer
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    >>> batches = [(tc.ones(2, 1, 1, 1), tc.tensor([0, 1]))]
    >>> stopping = EarlyStopping(patience=2)
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.0), callbacks=[stopping])
    >>> len(trainer.fit(batches, batches, epochs=10))
    3
    """

    def __init__(self, patience: int) -> None:
        if patience < 1:
            raise ArgumentError(f"EarlyStopping: patience must be at least 1 epoch, got {patience}")
        self.patience = patience
        self.best, self.waited = math.inf, 0

    def on_train_start(self, trainer: Trainer) -> None:
        trainer.stop = trainer.stop or self.waited >= self.patience

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        if evaluation.loss < self.best:
            self.best, self.waited = evaluation.loss, 0
        else:
            self.waited += 1
        if self.waited >= self.patience:
            trainer.stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = float(state["best"]), int(state["waited"])
