import errno
import io
from types import SimpleNamespace
from typing import Any

import pytest

from tinyconv.backends import notices
from tinyconv.train import EpochRecord
from tinyconv.train.progress import LiveProgress, Progress, duration, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run_two_epochs(display: Progress) -> None:
    trainer: Any = SimpleNamespace(epoch=0, epochs=2, step=0, steps_per_epoch=1)
    display.on_train_start(trainer)
    for epoch in (1, 2):
        display.on_epoch_start(trainer)
        notices.compiles("some_kernel")
        trainer.step += 1
        display.on_batch_end(trainer, 0.5, 8)
        trainer.epoch = epoch
        display.on_epoch_end(trainer, EpochRecord(epoch, epoch, 0.1, 0.5, 0.75, 0.4, 0.875, 1234.0, 1.0))
    display.on_train_end(trainer)


def test_a_file_gets_one_line_per_epoch_and_one_about_compiling() -> None:
    stream = io.StringIO()
    display = progress(stream)
    run_two_epochs(display)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("compiling kernels")
    assert lines[1].startswith(
        "epoch 1/2  loss 0.500  accuracy  75.0%  held-out loss 0.400 accuracy  87.5%   1234 images/s"
    )
    assert lines[1].endswith(" left")
    assert lines[2].endswith("images/s")
    assert len(lines) == 3


def test_a_terminal_gets_the_same_lines_and_a_bar() -> None:
    stream = Terminal()
    display = progress(stream)
    assert isinstance(display, LiveProgress)
    run_two_epochs(display)
    text = stream.getvalue()
    assert "compiling kernels" in text
    assert "held-out loss 0.400 accuracy  87.5%" in text
    assert "━" in text


class ClosedPipe(io.StringIO):
    """Its reader is gone after the first line. ``live``: it is a terminal."""

    def __init__(self, live: bool) -> None:
        super().__init__()
        self.live = live

    def isatty(self) -> bool:
        return self.live

    def write(self, text: str) -> int:
        if self.getvalue():
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        return super().write(text)


@pytest.mark.parametrize("live", [False, True])
def test_a_reader_that_is_gone_does_not_stop_the_training(live: bool) -> None:
    stream = ClosedPipe(live)
    run_two_epochs(progress(stream))
    assert stream.getvalue()


def test_without_a_stream_the_training_goes_on_unseen() -> None:
    run_two_epochs(progress(None))


def test_after_the_training_no_kernel_is_announced_any_more() -> None:
    stream = io.StringIO()
    run_two_epochs(progress(stream))
    written = stream.getvalue()
    notices.compiles("another_kernel")
    assert stream.getvalue() == written


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (75, "1:15"), (3700, "1:01:40"), (float("nan"), "-:--")])
def test_durations_are_written_as_on_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_written_after_an_epoch_does_not_count_for_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("tinyconv.train.progress.time.perf_counter", lambda: now)
    display, trainer = Progress(None), SimpleNamespace(epoch=0, epochs=10, step=0, steps_per_epoch=2)
    record = EpochRecord(1, 2, 0.1, 0.5, 0.75, 0.4, 0.875, 1234.0, 1.0)
    for epoch in (1, 2):
        display.on_epoch_start(trainer)  # type: ignore[arg-type]
        for _ in range(2):
            now += 1.0
            trainer.step += 1
            display.on_batch_end(trainer, 0.5, 8)  # type: ignore[arg-type]
        now += 3.0  # the held-out images
        trainer.epoch = epoch
        display.on_epoch_end(trainer, record)  # type: ignore[arg-type]
        now += 100.0  # feature maps, weights, curves
    assert display.seconds_left(trainer) == 8 * (2 * 1.0 + 3.0)  # type: ignore[arg-type]
