"""A training that is saved in the middle of an epoch and goes on elsewhere ends with the same bits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.optim import lr_scheduler
from tinyconv.train import Callback, ExponentialAverage, Trainer
from tinyconv.utils.data import DataLoader, TensorDataset

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(24, 1, 4, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 24)
EPOCHS = 3


class Batched:
    """Batches in an order of each epoch, that can start anywhere."""

    def __init__(self) -> None:
        self.epoch = self.first = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def start_at(self, batch: int) -> None:
        self.first = batch

    def __len__(self) -> int:
        return 6

    def __iter__(self) -> Iterator[tuple[tc.Tensor, tc.Tensor]]:
        first, self.first = self.first, 0
        order = np.random.default_rng(self.epoch).permutation(24)
        for part in np.split(order, 6)[first:]:
            yield tc.from_numpy(IMAGES[part]), tc.from_numpy(LABELS[part])


def loader() -> DataLoader:
    return DataLoader(TensorDataset(tc.from_numpy(IMAGES), tc.from_numpy(LABELS)), batch_size=4, shuffle=True)


class Counting(Callback):
    """Has a state of its own."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self.losses.append(loss)

    def state_dict(self) -> dict[str, Any]:
        return {"losses": list(self.losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.losses = list(state["losses"])


class SavingAt(Callback):
    """Keeps the whole state after a step, as a file would."""

    def __init__(self, step: int) -> None:
        self.step, self.file = step, b""

    def on_settled(self, trainer: Trainer) -> None:
        if trainer.step == self.step and not self.file:
            file = io.BytesIO()
            tc.save(trainer.state_dict(), file)
            self.file = file.getvalue()


def trainer(seed: int, *callbacks: Callback, **options: Any) -> Trainer:
    tc.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3)
    )
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=6 * EPOCHS)
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        schedule,
        callbacks,
        ema=ExponentialAverage(model, 0.9),
        clip_norm=1.0,
        **options,
    )


def outcome(finished: Trainer) -> list[Any]:
    figures = [(r.epoch, r.steps, r.learning_rate, r.train_loss, r.train_accuracy) for r in finished.history]
    with finished.evaluation_weights():
        averaged = [p.detach().numpy().copy() for p in finished.model.state_dict().values()]
    own = [p.detach().numpy() for p in finished.model.state_dict().values()]
    held_out = [(r.test_loss, r.test_accuracy) for r in finished.history]
    return [figures, held_out, own, averaged, tc.rand(3).numpy(), finished.callbacks[0].losses]


@pytest.mark.parametrize("data", [Batched, loader], ids=["starts anywhere", "loader that draws its order"])
@pytest.mark.parametrize(
    ("step", "options"),
    [(1, {}), (8, {}), (6, {}), (5, {"accumulate": 2}), (18, {})],
    ids=["first step", "middle", "end of an epoch's steps", "accumulating", "last step"],
)
def test_a_training_goes_on_bit_for_bit_from_its_state_at_any_step(data: Any, step: int, options: Any) -> None:
    saving = SavingAt(step)
    whole = trainer(1, Counting(), saving, **options)
    whole.fit(data(), Batched(), EPOCHS)
    expected = outcome(whole)
    resumed = trainer(2, Counting(), **options)  # other initial weights, and another generator
    resumed.load_state_dict(tc.load(io.BytesIO(saving.file)))
    assert resumed.step == step
    resumed.fit(data(), Batched(), EPOCHS - resumed.epoch)
    for mine, theirs in zip(outcome(resumed), expected, strict=True):
        np.testing.assert_equal(mine, theirs)


def test_a_state_that_was_saved_after_an_epoch_begins_the_next() -> None:
    class Ending(SavingAt):
        def on_settled(self, trainer: Trainer) -> None:
            if trainer.batch == 0:
                super().on_settled(trainer)

    saving = Ending(6)
    whole = trainer(1, Counting(), saving)
    whole.fit(Batched(), None, 2)
    expected = outcome(whole)
    resumed = trainer(2, Counting())
    resumed.load_state_dict(tc.load(io.BytesIO(saving.file)))
    assert (resumed.epoch, resumed.batch, len(resumed.history)) == (1, 0, 1)
    resumed.fit(Batched(), None, 1)
    np.testing.assert_equal(outcome(resumed), expected)


def test_a_fit_goes_on_where_an_interruption_left_it() -> None:
    class Interrupting(Counting):
        def on_settled(self, trainer: Trainer) -> None:
            if trainer.step == 8 and trainer.epochs == EPOCHS:
                raise KeyboardInterrupt

    whole = trainer(1, Counting())
    whole.fit(Batched(), None, EPOCHS)
    expected = outcome(whole)
    interrupted = trainer(1, Interrupting())
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(Batched(), None, EPOCHS)
    with pytest.raises(TinyconvError, match="2 batches of the running epoch lie behind, but these data have 1"):
        interrupted.fit([next(iter(Batched()))])
    interrupted.fit(Batched(), None, EPOCHS - 1)
    np.testing.assert_equal(outcome(interrupted), expected)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"scheduler": None}, "the state has a scheduler, the trainer has none"),
        ({"ema": None}, "the state has an average of weights"),
        ({}, "a callback Counting 2, which this trainer lacks"),
    ],
    ids=["scheduler", "ema", "callback"],
)
def test_a_state_of_a_trainer_made_otherwise_is_refused(made: dict[str, Any], message: str) -> None:
    first = trainer(1, Counting(), Counting())
    other = trainer(1, Counting())
    for name, value in made.items():
        setattr(other, name, value)
    with pytest.raises(TinyconvError, match=message):
        other.load_state_dict(first.state_dict())


def test_an_average_of_another_model_is_refused() -> None:
    state = ExponentialAverage(nn.Linear(2, 3), 0.9).state_dict()
    with pytest.raises(TinyconvError, match="other weights"):
        ExponentialAverage(nn.Linear(3, 2), 0.9).load_state_dict(state)
