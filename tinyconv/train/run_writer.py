"""The callback that writes a run folder while the training goes on."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any

from tinyconv.core.errors import RunError
from tinyconv.models import weights
from tinyconv.train import environment
from tinyconv.train.callbacks import Callback
from tinyconv.train.curves import curves_png
from tinyconv.train.records import EpochRecord, Evaluation
from tinyconv.train.run_folder import FORMAT, FORMAT_VERSION, RunFolder
from tinyconv.train.trainer import Trainer
from tinyconv.utils.files import write_atomically

# What a checkpoint repeats of the run's configuration, so that it can be told from another run's.
IDENTITY = ("model", "classes", "preprocessing")


class RunWriter(Callback):
    """Writes configuration, metrics, checkpoints and curves into ``folder``.

    ``configuration``: anything that JSON expresses, with at least the entries ``model`` (name, options, in_channels,
    num_classes, image_size), ``classes`` and ``preprocessing``, from which ``load_run`` builds the model again.
    ``title``: of the curves. ``splits``: what ``splits.json`` shall say, if anything.

    ``last.safetensors`` holds the weights after the last epoch; the accuracy that a run reports is theirs.
    ``best.safetensors`` holds those of the epoch with the lowest held-out loss. That epoch was chosen *by* the held-out
    data, so its accuracy on them is no fair estimate, and it is not reported as one.

    After an interruption or an error everything written so far stays valid; ``run.json`` says what happened.

    Raises: ``RunError`` where a file cannot be written.

    >>> from tinyconv.train import Callback, RunWriter
    >>> issubclass(RunWriter, Callback)
    True
    """

    def __init__(
        self,
        folder: RunFolder,
        configuration: Mapping[str, Any],
        title: str = "",
        splits: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.best_epoch: int | None = None
        self._best_loss = float("inf")
        self._title, self._splits = title, splits
        self._configuration = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "command": environment.command_line(),
            **configuration,
        }
        self._surroundings: dict[str, Any] = {}

    def on_train_start(self, trainer: Trainer) -> None:
        self._write_run_file("running", {})
        if self._splits is not None:
            write_atomically(self.folder.splits, (json.dumps(self._splits, ensure_ascii=False) + "\n").encode())
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(field.name for field in fields(EpochRecord))
        write_atomically(self.folder.metrics, header.getvalue().encode())

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        if evaluation.loss < self._best_loss:
            self._best_loss, self.best_epoch = evaluation.loss, trainer.epoch
            self._save("best", trainer)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        self._save("last", trainer)
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow("" if value is None else value for value in astuple(record))
        try:
            with self.folder.metrics.open("a", encoding="utf-8", newline="") as file:
                file.write(line.getvalue())
        except OSError as error:
            raise RunError(f"cannot write {self.folder.metrics} ({error.strerror})") from None

    def on_train_end(self, trainer: Trainer) -> None:
        if trainer.outcome == "interrupted":
            self._save("last", trainer)
        if trainer.history:
            write_atomically(self.folder.curves, curves_png(trainer.history, self._title, self.best_epoch))
        self._write_run_file(trainer.outcome, self._result(trainer))

    def interrupted(self) -> None:
        """Record an interruption after the folder was made and before ``on_train_start``; later ones are recorded."""
        if not self.folder.run_file.exists():
            self._write_run_file("interrupted", {})

    def _result(self, trainer: Trainer) -> dict[str, Any]:
        result: dict[str, Any] = {"epochs": trainer.epoch, "steps": trainer.step}
        if trainer.evaluation is not None:
            result |= {
                "held_out_loss": trainer.evaluation.loss,
                "held_out_accuracy": trainer.evaluation.accuracy,
                "confusion": trainer.evaluation.confusion.tolist(),
                "best_epoch": self.best_epoch,
                "best_held_out_loss": self._best_loss,
            }
        return result

    def _write_run_file(self, status: str, result: dict[str, Any]) -> None:
        # Not gathered earlier: that takes a moment, in which a run folder without its run.json could be left behind.
        if not self._surroundings:
            self._surroundings = {"versions": environment.versions(), "machine": environment.machine()}
        record = {**self._configuration, **self._surroundings, "status": status, "result": result}
        write_atomically(self.folder.run_file, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())

    def _save(self, which: str, trainer: Trainer) -> None:
        metadata = {
            "format_version": FORMAT_VERSION,
            "checkpoint": which,
            "epoch": trainer.epoch,
            "step": trainer.step,
            **{name: self._configuration[name] for name in IDENTITY},
        }
        with trainer.evaluation_weights():
            weights.save(trainer.model.state_dict(), self.folder.checkpoint(which), metadata)
