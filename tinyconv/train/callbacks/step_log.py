"""What every step came to, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tinyconv.core.errors import ArgumentError
from tinyconv.train.callbacks.json_lines import JsonLines

if TYPE_CHECKING:
    from tinyconv.train.trainer import Trainer


class StepLog(JsonLines):
    """Writes a line of JSON after every step, or every ``every``-th: its number, epoch, loss, rate and images.

    Raises: ``ArgumentError`` for ``every`` below 1; ``RunError`` where ``path`` cannot be written.

    >>> from tinyconv.train import StepLog, Trainer
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    >>> log = StepLog("steps.jsonl", every=2)
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5), callbacks=[log])
    >>> _ = trainer.fit([(tc.zeros(2, 1, 1, 1), tc.tensor([0, 1]))] * 3)
    >>> import json, pathlib
    >>> [line] = pathlib.Path("steps.jsonl").read_text().splitlines()
    >>> json.loads(line)["step"], json.loads(line)["learning_rate"]
    (2, 0.5)
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        if every < 1:
            raise ArgumentError(f"StepLog: every must be at least 1 step, got {every}")
        super().__init__(path)
        self.every = every
        self._step = 0

    def on_train_start(self, trainer: Trainer) -> None:
        super().on_train_start(trainer)
        self._step = trainer.step

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self._step += 1  # the trainer's own may be one further: see Callback.on_batch_end
        if self._step % self.every == 0:
            self.write(
                {
                    "step": self._step,
                    "epoch": trainer.epoch + 1,
                    "loss": loss,
                    "learning_rate": trainer.learning_rate,
                    "images": images,
                }
            )
