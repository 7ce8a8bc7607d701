"""The files that callbacks write, read back, and gone on with after an interruption."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.train import Callback, GradientStatistics, StepLog, TensorBoard, Trainer

RANDOM = np.random.default_rng(0)
DATA = [
    (tc.from_numpy(RANDOM.normal(size=(size, 1, 2, 2)).astype(np.float32)), tc.from_numpy(RANDOM.integers(0, 2, size)))
    for size in (4, 3, 2)
]


class Keeping(Callback):
    """Keeps the state after a step, and the losses and rates that callbacks are told."""

    def __init__(self, step: int = 0) -> None:
        self.step, self.state, self.told = step, b"", []  # type: ignore[var-annotated]

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self.told.append((trainer.step, loss, images, trainer.learning_rate))

    def on_settled(self, trainer: Trainer) -> None:
        if trainer.step == self.step and not self.state:
            file = io.BytesIO()
            tc.save(trainer.state_dict(), file)
            self.state = file.getvalue()


def trainer(*callbacks: Callback) -> Trainer:
    tc.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    halving = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, halving, callbacks)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_step_log_has_every_nth_step_with_the_rate_it_was_made_at(tmp_path: Path) -> None:
    keeping = Keeping()
    trainer(keeping, StepLog(tmp_path / "deeper" / "steps.jsonl", every=2)).fit(DATA, epochs=2)
    entries = lines(tmp_path / "deeper" / "steps.jsonl")
    assert [(e["step"], e["epoch"]) for e in entries] == [(2, 1), (4, 2), (6, 2)]
    for entry in entries:
        told = keeping.told[entry["step"] - 1]
        assert (entry["step"], entry["loss"], entry["images"], entry["learning_rate"]) == told
        assert entry["learning_rate"] == 0.5 * 0.5 ** (entry["step"] - 1)


@pytest.mark.parametrize("kind", [StepLog, GradientStatistics])
def test_a_resumed_training_cuts_off_what_was_written_after_its_state(kind: Any, tmp_path: Path) -> None:
    keeping = Keeping(step=4)
    trainer(keeping, kind(tmp_path / "whole.jsonl", 1)).fit(DATA, epochs=2)
    whole = (tmp_path / "whole.jsonl").read_bytes()
    (tmp_path / "resumed.jsonl").write_bytes(whole + b'{"step": 7, "half a li')
    resumed = trainer(Keeping(), kind(tmp_path / "resumed.jsonl", 1))
    resumed.load_state_dict(tc.load(io.BytesIO(keeping.state)))
    resumed.fit(DATA, epochs=1)
    assert (tmp_path / "resumed.jsonl").read_bytes() == whole
    assert len(whole.splitlines()) == 6


def test_statistics_are_the_norms_of_gradient_update_and_weights(tmp_path: Path) -> None:
    seen: list[list[np.ndarray]] = []

    class Looking(Callback):
        def on_train_start(self, trainer: Trainer) -> None:
            parameters = list(trainer.model.parameters())
            trainer.optimizer.register_step_pre_hook(
                lambda *_: seen.append([p.grad.numpy().copy() for p in parameters])
            )

        def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
            weights.append([p.detach().numpy().copy() for p in trainer.model.parameters()])

    made = trainer(Looking(), GradientStatistics(tmp_path / "g.jsonl", every=2))
    weights = [[p.detach().numpy().copy() for p in made.model.parameters()]]
    made.fit(DATA, epochs=1)
    (entry,) = lines(tmp_path / "g.jsonl")
    assert entry["step"] == 2
    assert list(entry["parameters"]) == ["1.weight", "1.bias", "3.weight", "3.bias"]
    for number, figures in enumerate(entry["parameters"].values()):
        before, after = weights[1][number].astype(np.float64), weights[2][number].astype(np.float64)
        assert figures["gradient"] == pytest.approx(np.linalg.norm(seen[1][number].astype(np.float64)), rel=1e-6)
        assert figures["weight"] == pytest.approx(np.linalg.norm(before), rel=1e-6)
        assert figures["update"] == pytest.approx(np.linalg.norm(after - before), rel=1e-4)
        assert figures["ratio"] == pytest.approx(figures["update"] / figures["weight"])
    assert len(made.optimizer.step_pre_hooks) == 1, "its hooks end with the training"
    assert len(made.optimizer.step_post_hooks) == 0


def test_weights_that_are_all_0_have_no_ratio(tmp_path: Path) -> None:
    made = trainer(GradientStatistics(tmp_path / "g.jsonl", every=1))
    made.model[1].bias.data = tc.zeros(3)
    made.fit(DATA[:1])
    assert lines(tmp_path / "g.jsonl")[0]["parameters"]["1.bias"]["ratio"] is None


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = accumulators.EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]
    }


def test_tensorboard_reads_back_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    keeping = Keeping()
    made = trainer(keeping, TensorBoard(tmp_path, every=2))
    made.fit(DATA, DATA, epochs=2)
    found = scalars(tmp_path)
    assert found["step/loss"] == [(step, np.float32(loss)) for step, loss, _, _ in keeping.told[1::2]]
    assert found["step/learning_rate"] == [(step, np.float32(rate)) for step, _, _, rate in keeping.told[1::2]]
    for tag, figure in {
        "loss/training": "train_loss",
        "loss/held_out": "test_loss",
        "accuracy/training": "train_accuracy",
        "accuracy/held_out": "test_accuracy",
        "images_per_second": "images_per_second",
        "waiting": "waiting",
    }.items():
        assert found[tag] == [(record.steps, np.float32(getattr(record, figure))) for record in made.history]


def test_tensorboard_drops_what_a_resumed_training_writes_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    keeping = Keeping(step=2)
    trainer(keeping, TensorBoard(tmp_path)).fit(DATA, epochs=1)
    again = Keeping()
    resumed = trainer(again, TensorBoard(tmp_path))
    resumed.load_state_dict(tc.load(io.BytesIO(keeping.state)))
    resumed.fit(DATA, epochs=1)
    assert [step for step, _ in scalars(tmp_path)["step/loss"]] == [1, 2, 3]


def test_tensorboard_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(TinyconvError, match=r"pip install 'tinyconv\[tensorboard\]'"):
        TensorBoard(tmp_path)


@pytest.mark.parametrize("kind", [StepLog, GradientStatistics, TensorBoard])
def test_every_is_at_least_one_step(kind: Any, tmp_path: Path) -> None:
    with pytest.raises(TinyconvError, match="every must be at least 1 step, got 0"):
        kind(tmp_path / "x", every=0)


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TinyconvError, match=r"file/steps\.jsonl cannot be written"):
        trainer(StepLog(tmp_path / "file" / "steps.jsonl")).fit(DATA)
