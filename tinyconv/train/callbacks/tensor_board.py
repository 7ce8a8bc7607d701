"""A training as TensorBoard shows it, by its own package's writer of event files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.train.callbacks.callback import Callback

if TYPE_CHECKING:
    from tinyconv.train.records import EpochRecord
    from tinyconv.train.trainer import Trainer


def require_tensorboard() -> None:
    """Raise ``UnsupportedError`` where the package is missing."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise UnsupportedError(
            "TensorBoard: the package tensorboard is not installed; pip install 'tinyconv[tensorboard]'"
        ) from None


class TensorBoard(Callback):
    """Writes event files into ``folder``, for ``tensorboard --logdir``: after steps and after epochs.

    ``step/loss`` and ``step/learning_rate`` every ``every`` steps; ``loss/training``, ``loss/held_out``,
    ``accuracy/training``, ``accuracy/held_out``, ``images_per_second`` and ``waiting`` after every epoch, at its last
    step. A resumed training writes a file of its own; what was written after its state was taken, TensorBoard drops.

    Raises: ``UnsupportedError`` without the package tensorboard; ``ArgumentError`` for ``every`` below 1.

    >>> from tinyconv.train import Callback, TensorBoard
    >>> issubclass(TensorBoard, Callback)
    True
    """

    def __init__(self, folder: str | Path, every: int = 1) -> None:
        if every < 1:
            raise ArgumentError(f"TensorBoard: every must be at least 1 step, got {every}")
        require_tensorboard()
        self.folder, self.every = Path(folder), every
        self._writer: Any = None
        self._step = 0

    def on_train_start(self, trainer: Trainer) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(self.folder))
        self._step = trainer.step
        start = SessionLog(status=SessionLog.START)
        self._writer.add_event(Event(wall_time=time.time(), step=trainer.step + 1, session_log=start))

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self._step += 1  # the trainer's own may be one further: see Callback.on_batch_end
        if self._step % self.every == 0:
            self._add({"step/loss": loss, "step/learning_rate": trainer.learning_rate}, self._step)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        figures = {
            "loss/training": record.train_loss,
            "loss/held_out": record.test_loss,
            "accuracy/training": record.train_accuracy,
            "accuracy/held_out": record.test_accuracy,
            "images_per_second": record.images_per_second,
            "waiting": record.waiting,
        }
        self._add({tag: value for tag, value in figures.items() if value is not None}, record.steps)
        self._writer.flush()

    def _add(self, figures: dict[str, float], step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def on_train_end(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
