"""Early stopping that ends with the weights of the best epoch, as scikit-learn's does."""

from __future__ import annotations

from tinyconv.core.arrays import Array
from tinyconv.core.transfer import to_host
from tinyconv.train.callbacks import EarlyStopping
from tinyconv.train.records import Evaluation
from tinyconv.train.trainer import Trainer


class BestWeights(EarlyStopping):
    """Stops after ``patience`` epochs without a lower held-out loss, and puts back the weights of the lowest.

    ``scores``: the held-out accuracy after each epoch.
    """

    def __init__(self, patience: int) -> None:
        super().__init__(patience)
        self.scores: list[float] = []
        self._weights: dict[str, Array] = {}

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        if evaluation.loss < self.best:
            self._weights = {name: to_host(tensor.array).copy() for name, tensor in trainer.model.state_dict().items()}
        super().on_evaluate(trainer, evaluation)
        self.scores.append(evaluation.accuracy)

    def on_train_end(self, trainer: Trainer) -> None:
        if self._weights:
            trainer.model.load_state_dict(self._weights)
