"""The callback that writes a run folder while the training goes on."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from typing import Any

from tinyconv.models import weights
from tinyconv.train import environment
from tinyconv.train.callbacks import Callback
from tinyconv.train.checkpoint import save_checkpoint
from tinyconv.train.config import config_text, settings_of
from tinyconv.train.curves import curves_png
from tinyconv.train.interruption import HeldSignals
from tinyconv.train.records import EpochRecord, Evaluation
from tinyconv.train.run_folder import FORMAT, FORMAT_VERSION, RunFolder
from tinyconv.train.trainer import Trainer
from tinyconv.utils.files import write_atomically

# What a checkpoint repeats of the run's configuration, so that it can be told from another run's.
IDENTITY = ("model", "classes", "preprocessing")
# What a resumed run adds to run.json or writes anew; all else stays as it was when the run began.
CHANGING = ("status", "result", "resumed")


class RunWriter(Callback):
    """Writes configuration, metrics, checkpoints and curves into ``folder``.

    ``configuration``: anything that JSON expresses, with at least the entries ``model`` (name, options, in_channels,
    num_classes, image_size), ``classes`` and ``preprocessing``, from which ``load_run`` builds the model again.
    ``title``: of the curves. ``splits``: what ``splits.json`` shall say, if anything. ``checkpoint_every``: steps.
    ``resumed``: the ``run.json`` of the run that goes on.

    ``last.safetensors`` holds the weights after the last epoch; the accuracy that a run reports is theirs.
    ``best.safetensors`` holds those of the epoch with the lowest held-out loss. That epoch was chosen *by* the held-out
    data, so its accuracy on them is no fair estimate, and it is not reported as one.
    ``state.safetensors`` holds the state of the training, written after every epoch and every ``checkpoint_every``
    steps, and when SIGINT (Ctrl-C) or SIGTERM asks for the end: the step that is being made is finished first, so that
    the training can go on from there. A second signal does not wait.

    After an interruption or an error everything written so far stays valid; ``run.json`` says what happened.

    Raises: ``RunError`` where a file cannot be written, or another process trains in the folder.

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
        *,
        checkpoint_every: int | None = None,
        resumed: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.best_epoch: int | None = None
        self._best_loss = float("inf")
        self._title, self._splits = title, splits
        self._checkpoint_every = checkpoint_every
        self._signals = HeldSignals()
        self._saved_step = 0
        self._stopped_whole = False
        self._resumptions: list[dict[str, Any]] = []
        this_process = {
            "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "command": environment.command_line(),
        }
        self._surroundings: dict[str, Any] = {}
        if resumed is None:
            own = {"format": FORMAT, "format_version": FORMAT_VERSION, **this_process}
            self._configuration = {**own, **configuration}
        else:
            kept = {name: value for name, value in resumed.items() if name not in CHANGING}
            self._configuration = {**kept, **configuration}
            self._surroundings = {"versions": kept.get("versions"), "machine": kept.get("machine")}
            self._resumptions = [*resumed.get("resumed", ()), this_process]

    def on_train_start(self, trainer: Trainer) -> None:
        self.folder.claim()
        self.folder.tidy()
        if self._resumptions:
            self._resumptions[-1] |= {"epoch": trainer.epoch, "step": trainer.step}
        self._saved_step = trainer.step
        self._write_run_file("running", {})
        if self._splits is not None:
            write_atomically(self.folder.splits, (json.dumps(self._splits, ensure_ascii=False) + "\n").encode())
        if "recording" in self._configuration:
            write_atomically(self.folder.config, config_text(settings_of(self._configuration)).encode())
        self._write_metrics(trainer.history)

    def on_epoch_start(self, trainer: Trainer) -> None:
        # Until here there is no work that an interruption could leave half done.
        self._signals.hold()

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        if evaluation.loss < self._best_loss:
            self._best_loss, self.best_epoch = evaluation.loss, trainer.epoch
            self._save_weights("best", trainer)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        self._save_weights("last", trainer)
        self._write_metrics(trainer.history)

    def on_settled(self, trainer: Trainer) -> None:
        asked = self._signals.received is not None
        every = self._checkpoint_every
        due = every is not None and trainer.step % every == 0 and trainer.step != self._saved_step
        if trainer.batch == 0 or due or asked:
            self._save_state(trainer)
        if asked:
            self._stopped_whole = True
            self._signals.deliver()

    def on_train_end(self, trainer: Trainer) -> None:
        try:
            # Weights in the middle of a step are of no use.
            if trainer.outcome == "interrupted" and self._stopped_whole:
                self._save_weights("last", trainer)
            if trainer.history:
                write_atomically(self.folder.curves, curves_png(trainer.history, self._title, self.best_epoch))
            self._write_run_file(trainer.outcome, self._result(trainer))
        finally:
            self.folder.release()
            self._signals.deliver()

    def state_dict(self) -> dict[str, Any]:
        return {"best_epoch": self.best_epoch, "best_loss": self._best_loss}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best_epoch, self._best_loss = state["best_epoch"], state["best_loss"]

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
        if self._resumptions:
            record["resumed"] = self._resumptions
        write_atomically(self.folder.run_file, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())

    def _write_metrics(self, history: Sequence[EpochRecord]) -> None:
        """All rows anew, so that a resumed run has no epoch twice, and a full disk leaves no half of a row."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(field.name for field in fields(EpochRecord))
        rows.writerows(["" if value is None else value for value in astuple(record)] for record in history)
        write_atomically(self.folder.metrics, text.getvalue().encode())

    def _save_weights(self, which: str, trainer: Trainer) -> None:
        metadata = {
            "format_version": FORMAT_VERSION,
            "checkpoint": which,
            "epoch": trainer.epoch,
            "step": trainer.step,
            **{name: self._configuration[name] for name in IDENTITY},
        }
        with trainer.evaluation_weights():
            weights.save(trainer.model.state_dict(), self.folder.checkpoint(which), metadata)

    def _save_state(self, trainer: Trainer) -> None:
        facts = {"epoch": trainer.epoch, "batch": trainer.batch, "step": trainer.step}
        save_checkpoint(self.folder.state, {"trainer": trainer.state_dict(), "stopped": trainer.stop}, facts)
        self._saved_step = trainer.step
