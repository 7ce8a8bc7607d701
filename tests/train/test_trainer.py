"""The loop itself, on a linear model whose steps can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.optim import lr_scheduler
from tinyconv.train import Callback, EpochRecord, Evaluation, Trainer

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(12, 1, 2, 2)).astype(np.float32)
LABELS = (IMAGES.mean(axis=(1, 2, 3)) > 0).astype(np.int64)


def batches(size: int = 4) -> list[tuple[tc.Tensor, tc.Tensor]]:
    return [
        (tc.from_numpy(IMAGES[start : start + size]), tc.from_numpy(LABELS[start : start + size]))
        for start in range(0, len(IMAGES), size)
    ]


def linear() -> nn.Sequential:
    tc.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


def make_trainer(model: nn.Module, lr: float = 0.1, **options: object) -> Trainer:
    return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=lr), **options)  # type: ignore[arg-type]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_an_epoch_is_gradient_descent_batch_by_batch() -> None:
    model = linear()
    weight, bias = (parameter.detach().numpy().astype(np.float64) for parameter in model[1].parameters())
    losses, correct = [], 0
    for start in range(0, 12, 4):
        x, t = IMAGES[start : start + 4].reshape(4, 4), LABELS[start : start + 4]
        probabilities = softmax(x @ weight.T + bias)
        losses.append(-np.log(probabilities[np.arange(4), t]).mean())
        correct += int((probabilities.argmax(axis=1) == t).sum())
        slope = (probabilities - np.eye(2)[t]) / 4
        weight, bias = weight - 0.1 * slope.T @ x, bias - 0.1 * slope.sum(axis=0)
    trainer = make_trainer(model)
    (record,) = trainer.fit(batches(), batches(), epochs=1)
    np.testing.assert_allclose(model[1].weight.detach().numpy(), weight, atol=1e-6)
    np.testing.assert_allclose(model[1].bias.detach().numpy(), bias, atol=1e-6)
    assert record.train_loss == pytest.approx(np.mean(losses), abs=1e-6)
    assert record.train_accuracy == correct / 12
    probabilities = softmax(IMAGES.reshape(12, 4) @ weight.T + bias)
    assert record.test_loss == pytest.approx(-np.log(probabilities[np.arange(12), LABELS]).mean(), abs=1e-6)
    assert record.test_accuracy == np.mean(probabilities.argmax(axis=1) == LABELS)


def test_a_smaller_last_batch_counts_by_its_images() -> None:
    whole = make_trainer(linear()).evaluate(batches(12))
    parts = make_trainer(linear()).evaluate(batches(5))
    assert parts.loss == pytest.approx(whole.loss, abs=1e-6)
    assert parts.samples == 12
    np.testing.assert_array_equal(parts.confusion, whole.confusion)


def test_evaluation_is_in_eval_mode_without_a_tape_and_restores_the_mode() -> None:
    modes, recording = [], []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = linear()

        def forward(self, x: tc.Tensor) -> tc.Tensor:
            modes.append(self.training)
            recording.append(tc.is_grad_enabled())
            return self.inner(x)

    model = Watching().train()
    make_trainer(model).evaluate(batches(12))
    assert (modes, recording) == ([False], [False])
    assert model.training


def test_evaluation_restores_the_mode_of_every_module() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2)).train()
    model[0].eval()
    make_trainer(model).evaluate(batches(12))
    assert [module.training for module in model.modules()] == [True, False, True, True]


def test_a_fit_without_held_out_data_forgets_the_evaluation_of_an_earlier_one() -> None:
    trainer = make_trainer(linear())
    trainer.fit(batches(), batches(12))
    trainer.fit(batches())
    first, second = trainer.history
    assert first.test_accuracy is not None
    assert (second.test_loss, second.test_accuracy, trainer.evaluation) == (None, None, None)


def test_the_message_of_a_loss_that_is_not_finite_is_for_library_and_command() -> None:
    images, labels = batches(12)[0]
    with pytest.raises(TinyconvError, match=r"the optimizer's lr, --lr of the command.*infinity in the images"):
        make_trainer(linear()).fit([(images * float("nan"), labels)])


class Notes(Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.moments: list[str] = []

    def on_train_start(self, trainer: Trainer) -> None:
        self.moments.append(f"start {trainer.epoch}/{trainer.epochs}")

    def on_epoch_start(self, trainer: Trainer) -> None:
        self.moments.append(f"epoch {trainer.epoch}")

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self.moments.append(f"batch {trainer.step} of {images}")

    def on_evaluate(self, trainer: Trainer, evaluation: Evaluation) -> None:
        self.moments.append(f"evaluated {evaluation.samples}")

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        self.moments.append(f"end {record.epoch}")

    def on_train_end(self, trainer: Trainer) -> None:
        self.moments.append(trainer.outcome)


def test_callbacks_hear_every_moment_in_order() -> None:
    notes = Notes()
    make_trainer(linear(), callbacks=[notes]).fit(batches(6), batches(12), epochs=2)
    first = ["epoch 0", "batch 1 of 6", "batch 2 of 6", "evaluated 12", "end 1"]
    second = ["epoch 1", "batch 3 of 6", "batch 4 of 6", "evaluated 12", "end 2"]
    assert notes.moments == ["start 0/2", *first, *second, "finished"]


def test_a_callback_can_stop_after_an_epoch() -> None:
    class Enough(Callback):
        def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
            trainer.stop = record.epoch == 2

    trainer = make_trainer(linear(), callbacks=[Enough()])
    assert len(trainer.fit(batches(), epochs=9)) == 2
    assert trainer.outcome == "finished"
    assert len(trainer.fit(batches(), epochs=1)) == 3, "a second fit goes on"


@pytest.mark.parametrize(("interval", "calls"), [("step", 6), ("epoch", 2)])
def test_the_schedule_advances_by_step_or_by_epoch(interval: str, calls: int) -> None:
    model = linear()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, schedule, scheduler_interval=interval)
    trainer.fit(batches(), epochs=2)
    assert optimizer.param_groups[0]["lr"] == 0.5**calls


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_ends_the_training_and_names_epoch_step_and_rate(poison: float) -> None:
    class Poisoned(nn.Module):
        steps = 0

        def __init__(self) -> None:
            super().__init__()
            self.inner = linear()

        def forward(self, x: tc.Tensor) -> tc.Tensor:
            self.steps += 1
            return self.inner(x) * (poison if self.steps == 5 else 1.0)

    notes = Notes()
    trainer = make_trainer(Poisoned(), lr=0.25, callbacks=[notes])
    with pytest.raises(
        TinyconvError,
        match=r"loss became \S+ at epoch 2, step 2 of 3 \(5 of the training\); .*; lower .* it was 0\.25 ",
    ):
        trainer.fit(batches(), epochs=3)
    assert notes.moments[-1] == trainer.outcome == "failed"


def test_every_callback_hears_of_the_end_in_reverse_order_even_if_one_fails() -> None:
    ended = []

    class Ending(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_train_end(self, trainer: Trainer) -> None:
            ended.append(self.name)
            if self.name == "second":
                raise OSError("disk full")

    trainer = make_trainer(linear(), callbacks=[Ending("first"), Ending("second"), Ending("third")])
    with pytest.raises(OSError, match="disk full"):
        trainer.fit(batches(), epochs=1)
    assert ended == ["third", "second", "first"]


@pytest.mark.parametrize("covered", [False, True])
def test_ctrl_c_in_the_start_of_a_callback_is_an_interruption_too(covered: bool) -> None:
    class Starting(Notes):
        def on_train_start(self, trainer: Trainer) -> None:
            try:
                raise KeyboardInterrupt
            finally:
                if covered:  # as a compiler does that is interrupted in its work
                    raise SystemError("returned a result with an exception set")

    starting, before = Starting(), Notes()
    with pytest.raises(KeyboardInterrupt):
        make_trainer(linear(), callbacks=[before, starting]).fit(batches(), epochs=3)
    assert before.moments[-1] == starting.moments[-1] == "interrupted"


def test_ctrl_c_still_tells_the_callbacks() -> None:
    class Interrupting(Callback):
        def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
            raise KeyboardInterrupt

    notes = Notes()
    with pytest.raises(KeyboardInterrupt):
        make_trainer(linear(), callbacks=[Interrupting(), notes]).fit(batches(), epochs=3)
    assert notes.moments[-1] == "interrupted"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no batch"),
        ([(tc.zeros(2, 1, 2, 2),)], "1 parts"),
        ([(IMAGES, LABELS)], "tensors"),
        ([(tc.zeros(2, 1, 2, 2), tc.zeros(3, dtype=tc.int64))], "2 images came with 3 labels"),
    ],
)
def test_batches_that_are_not_images_and_labels_are_refused(data: list[object], message: str) -> None:
    with pytest.raises(TinyconvError, match=message):
        make_trainer(linear()).fit(data, epochs=1)


def test_a_data_loader_can_be_trained_on() -> None:
    from tinyconv.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(tc.from_numpy(IMAGES), tc.from_numpy(LABELS)), batch_size=5, shuffle=True)
    history = make_trainer(linear(), lr=0.5).fit(loader, epochs=30)
    assert history[-1].train_loss < history[0].train_loss / 2


def test_a_step_that_an_interruption_cut_off_is_made_again_and_counted_once() -> None:
    class Interrupted(nn.CrossEntropyLoss):
        calls = 0

        def forward(self, logits: tc.Tensor, labels: tc.Tensor) -> tc.Tensor:
            self.calls += 1
            if self.calls == 4:
                raise KeyboardInterrupt
            return super().forward(logits, labels)

    notes = Notes()
    model = linear()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, Interrupted(), optimizer, callbacks=[notes], accumulate=2)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches(3))
    trainer.fit(batches(3))
    whole = make_trainer(linear(), accumulate=2)
    whole.fit(batches(3))
    assert trainer.history[0].train_loss == whole.history[0].train_loss
    np.testing.assert_array_equal(model[1].weight.detach().numpy(), whole.model[1].weight.detach().numpy())
    assert [moment for moment in notes.moments if moment.startswith("batch")] == ["batch 1 of 6", "batch 2 of 6"]
