"""How a training shows that it is alive: a bar in a terminal, and one line per epoch everywhere."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from tinyconv.ops import machine
from tinyconv.train.callbacks import Callback
from tinyconv.utils.streams import LenientStream

if TYPE_CHECKING:
    from tinyconv.train.records import EpochRecord
    from tinyconv.train.trainer import Trainer

COMPILING = "compiling kernels for this processor, once: half a minute or less"
STEPS_TO_JUDGE_BY = 50


def progress(stream: TextIO | None) -> Progress:
    """The progress display that suits ``stream``: live in a terminal, lines of plain text in a file or pipe."""
    return LiveProgress(stream) if stream is not None and stream.isatty() else Progress(stream)


class Progress(Callback):
    """A line when the first kernel is compiled, one after every epoch, and what the trainer notes.

    Nobody may be reading any more: a line that cannot be written is left out, and the training goes on.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = LenientStream(stream)
        self._step_seconds: deque[float] = deque(maxlen=STEPS_TO_JUDGE_BY)
        self._evaluations: list[float] = []
        self._last_step = 0.0
        self._compiling = False
        self._stop_listening: Callable[[], None] = lambda: None

    def line(self, text: str) -> None:
        """Write a line of its own."""
        self._stream.line(text)

    def on_train_start(self, trainer: Trainer) -> None:
        self._stop_listening = machine.on_first_compile(self.on_compile)

    def on_compile(self, kernel: str) -> None:
        """Before ``kernel`` is compiled, which takes a second or so."""
        if not self._compiling:
            self._compiling = True
            self.line(COMPILING)

    def on_note(self, trainer: Trainer, text: str) -> None:
        self.line(text)

    def on_epoch_start(self, trainer: Trainer) -> None:
        self._last_step = time.perf_counter()

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        now = time.perf_counter()
        self._step_seconds.append(now - self._last_step)
        self._last_step = now

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        self._evaluations.append(time.perf_counter() - self._last_step)
        self.line(epoch_line(trainer, record, self.seconds_left(trainer)))

    def on_train_end(self, trainer: Trainer) -> None:
        self._stop_listening()

    def seconds_left(self, trainer: Trainer) -> float:
        """An estimate from medians, which a compilation in one step does not disturb.

        What is written after an epoch is not counted: feature maps are dumped after few of them.
        """
        if not self._step_seconds:
            return float("nan")
        steps = trainer.epochs * trainer.steps_per_epoch - trainer.step
        epochs = trainer.epochs - trainer.epoch
        evaluation = statistics.median(self._evaluations) if self._evaluations else 0.0
        return steps * statistics.median(self._step_seconds) + epochs * evaluation


class LiveProgress(Progress):
    """The same lines, and below them a bar that moves with every step."""

    def __init__(self, stream: TextIO | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(stream)
        columns = ("{task.description}", BarColumn(bar_width=24), "{task.fields[status]}")
        self._display = Progress(
            *(TextColumn(column) if isinstance(column, str) else column for column in columns),
            console=Console(file=cast("TextIO", self._stream)),
            transient=True,
        )

    def on_train_start(self, trainer: Trainer) -> None:
        super().on_train_start(trainer)
        total = trainer.epochs * trainer.steps_per_epoch
        self._task = self._display.add_task("starting", total=total, completed=trainer.step, status="")
        self._images = self._seconds = 0.0
        self._display.start()

    def line(self, text: str) -> None:
        self._display.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def on_compile(self, kernel: str) -> None:
        super().on_compile(kernel)
        self._display.update(self._task, description=f"compiling {kernel}", refresh=True)

    def on_epoch_start(self, trainer: Trainer) -> None:
        super().on_epoch_start(trainer)
        self._images = self._seconds = 0.0

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        super().on_batch_end(trainer, loss, images)
        self._images += images
        self._seconds += self._step_seconds[-1]
        status = (
            f"loss {loss:.3f}  {self._images / self._seconds:.0f} images/s  {duration(self.seconds_left(trainer))} left"
        )
        description = f"epoch {trainer.epoch + 1}/{trainer.epochs}"
        self._display.update(self._task, completed=trainer.step, description=description, status=status)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        super().on_epoch_end(trainer, record)
        self._display.update(self._task, status="saving weights and pictures")

    def on_train_end(self, trainer: Trainer) -> None:
        super().on_train_end(trainer)
        self._display.stop()


def epoch_line(trainer: Any, record: EpochRecord, seconds_left: float) -> str:
    """One epoch's figures in one line, in columns that stay aligned."""
    width = len(str(trainer.epochs))
    parts = [
        f"epoch {record.epoch:{width}}/{trainer.epochs}",
        f"loss {record.train_loss:.3f}",
        f"accuracy {100 * record.train_accuracy:5.1f}%",
    ]
    if record.test_loss is not None and record.test_accuracy is not None:
        parts.append(f"held-out loss {record.test_loss:.3f} accuracy {100 * record.test_accuracy:5.1f}%")
    parts.append(f"{record.images_per_second:5.0f} images/s")
    if record.waiting is not None:
        parts.append(f"waiting {100 * record.waiting:2.0f}%")
    if record.epoch < trainer.epochs:
        parts.append(f"{duration(seconds_left)} left")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """12.3 as "0:12", 3700 as "1:01:40", "-:--" where unknown."""
    if not seconds < float("inf"):
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
