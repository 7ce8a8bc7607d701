"""The callback that follows the health of every channel along a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.features.folders import make_folder
from tinyconv.features.health.measure import Figures, StepFigures, measure
from tinyconv.features.health.record import HealthRecord, load_health, save_health
from tinyconv.features.health.units import Unit, find_units
from tinyconv.nn.hooks import RemovableHandle
from tinyconv.train.callbacks import Callback
from tinyconv.train.records import EpochRecord
from tinyconv.train.trainer import Trainer


def health_epochs(last: int) -> list[int]:
    """Every epoch of the first 5, in which channels die, and about 5 of those that follow, for each costs time."""
    step = max(1, round((last - 5) / 5))
    return sorted({*range(min(last, 5) + 1), *range(5, last, step), last})


def health_image_count(training: int) -> int:
    """How many images a training on ``training`` of them can afford to look at: one in 20, but 32 to 128."""
    return min(max(training // 20, 32), 128)


class HealthRecorder(Callback):
    """Writes ``path``, a ``HealthRecord``: at chosen epochs, what every channel does with ``images``.

    ``images``: (N, C, H, W), as the model takes them. ``epochs``: when, by default ``health_epochs``; the state at the
    end is always recorded. Gradients and updates are those of an epoch's middle step (at the end of the last one, many
    schedules have brought the learning rate to 0). The training itself is not
    changed, nor is anything that is random in it.

    Raises: ``ArgumentError`` for no images; ``RunError`` where the file cannot be written.

    >>> from tinyconv.features.health import HealthRecorder
    >>> from tinyconv.train import Callback
    >>> issubclass(HealthRecorder, Callback)
    True
    """

    def __init__(
        self,
        path: str | Path,
        images: FloatArray,
        *,
        epochs: Sequence[int] | None = None,
        message: Callable[[str], None] = lambda _: None,
    ) -> None:
        if images.ndim != 4 or not len(images):
            raise ArgumentError(f"HealthRecorder: images must be (N, C, H, W), at least one, got {images.shape}")
        self.path = Path(path)
        self._images, self._asked, self._message = images, epochs, message
        self._units: list[Unit] = []
        self._planned: set[int] = set()
        self._record = HealthRecord([], len(images), {})
        self._step: dict[str, Figures] = {}
        self._hooks: list[RemovableHandle] = []
        self._resumed: list[int] | None = None

    def on_train_start(self, trainer: Trainer) -> None:
        make_folder(self.path.parent)
        self._units = find_units(trainer.model, self._images)
        if not self._record.layers:
            self._record = HealthRecord.empty(self._units, len(self._images))
        if self._resumed is not None:
            self._read_back(self._resumed)
        wanted = health_epochs(trainer.epochs) if self._asked is None else self._asked
        self._planned = {*wanted, trainer.epochs}
        step = StepFigures(self._units)

        def before(*_: Any) -> None:
            if self._is_middle_step(trainer) and trainer.epoch + 1 in self._planned:
                step.before()

        def after(*_: Any) -> None:
            if self._is_middle_step(trainer):
                self._step = step.after()

        self._hooks = [
            trainer.optimizer.register_step_pre_hook(before),
            trainer.optimizer.register_step_post_hook(after),
        ]
        begins = trainer.epoch == 0 and trainer.batch == 0
        if begins and 0 in self._planned and not self._record.epochs:
            self._measure(trainer)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        # Where another callback stops the training, this is its last epoch.
        if record.epoch in self._planned or trainer.stop:
            self._measure(trainer)
        self._step = {}

    def on_train_end(self, trainer: Trainer) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if trainer.outcome == "finished" and trainer.epoch not in self._record.epochs:
            self._measure(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Which epochs were recorded: their figures are in the file, written after each. And those of a middle step
        that lies behind, in an epoch that does not yet.
        """
        return {"epochs": list(self._record.epochs), "step": self._step} if self._record.epochs else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._resumed, self._step = list(state["epochs"]), dict(state["step"])

    @staticmethod
    def _is_middle_step(trainer: Trainer) -> bool:
        """Whether the step that is being made is the epoch's middle one."""
        return -(-trainer.batch // trainer.accumulate) + 1 == (trainer.steps_per_epoch + 1) // 2

    def _read_back(self, epochs: list[int]) -> None:
        """Take up the epochs before the state; the file may be ahead of it, where the training was killed."""
        self._resumed = None
        try:
            self._record = load_health(self.path).kept(epochs)
        except (RunError, ValueError) as error:
            self._message(f"health: what was recorded of channels until now is lost, for {error}")

    def _measure(self, trainer: Trainer) -> None:
        with trainer.evaluation_weights():
            measured = measure(trainer.model, self._images, self._units)
        for layer, figures in self._step.items():
            measured[layer] |= figures
        self._record.add(trainer.epoch, measured)
        # Each time: a training that is killed goes on from it.
        save_health(self.path, self._record)
