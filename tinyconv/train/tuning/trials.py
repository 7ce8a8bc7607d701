"""What became of a trial, and which of several is the best."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FINISHED, DIVERGED = "finished", "diverged"


@dataclass(frozen=True)
class Trial:
    """Trial ``number`` of a search. ``parameters``: empty for the recipe itself. ``folder``: its run folder.

    ``status``: "finished", or "diverged" where its loss became NaN or infinite. ``accuracy`` and ``loss``: on the
    validation images after the last epoch.

    Raises: nothing of its own.

    >>> from pathlib import Path
    >>> from tinyconv.train import Trial
    >>> Trial(1, {"lr": 0.01}, Path("tune/0001/trials/001"), "finished", 0.9, 0.3, 5).described()
    'lr 0.01'
    """

    number: int
    parameters: dict[str, float]
    folder: Path
    status: str
    accuracy: float | None
    loss: float | None
    epochs: int

    def described(self) -> str:
        """Its parameters in words."""
        return ", ".join(f"{name} {value:g}" for name, value in self.parameters.items()) or "the recipe unchanged"

    def to_json(self, search: Path) -> dict[str, Any]:
        """What ``tune.json`` in the folder ``search`` says of it."""
        return {
            "number": self.number,
            "parameters": self.parameters,
            "run": self.folder.relative_to(search).as_posix(),
            "status": self.status,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "epochs": self.epochs,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any], search: Path) -> Trial:
        """The inverse of ``to_json``."""
        named = {name: value for name, value in record.items() if name != "run"}
        return cls(folder=search / record["run"], **named)


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """The most accurate first, of equally accurate ones that of the lowest loss; those without a result last."""

    def rank(trial: Trial) -> tuple[float, float, int]:
        accuracy = -1.0 if trial.accuracy is None else trial.accuracy
        return -accuracy, math.inf if trial.loss is None else trial.loss, trial.number

    return sorted(trials, key=rank)
