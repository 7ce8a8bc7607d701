"""Recipes: the rate of every step, and what a recipe makes of a training."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.data.images import ImageData
from tinyconv.train import Callback, EarlyStopping, Experiment, Recipe, Trainer
from tinyconv.train.experiment import build_optimizer
from tinyconv.train.recipes import RECIPES
from tinyconv.train.schedules import build_schedule


def rates(recipe: Recipe, steps_per_epoch: int = 5) -> list[float]:
    model = nn.Linear(1, 1)
    optimizer = build_optimizer(recipe, model)
    schedule = build_schedule(recipe, optimizer, steps_per_epoch)
    found = []
    for _ in range(recipe.epochs * steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_a_constant_rate_follows_a_linear_rise() -> None:
    recipe = Recipe(epochs=2, schedule="constant", warmup=0.8, lr=0.4)
    np.testing.assert_allclose(rates(recipe), [0.1, 0.2, 0.3, *[0.4] * 7])
    assert rates(Recipe(epochs=1, schedule="constant", lr=0.4)) == [0.4] * 5


def test_a_cosine_falls_from_the_end_of_the_rise_to_the_last_step() -> None:
    recipe = Recipe(epochs=4, schedule="cosine", warmup=1, lr=2.0)
    fall = [1 + math.cos(math.pi * step / 15) for step in range(15)]
    np.testing.assert_allclose(rates(recipe), [0.4, 0.8, 1.2, 1.6, 2.0, *fall])


def test_steps_down_come_every_so_many_epochs_after_the_rise() -> None:
    recipe = Recipe(epochs=6, schedule="step", warmup=1, decay_every=2, decay_factor=0.5, lr=1.0)
    expected = [0.2, 0.4, 0.6, 0.8, *[1.0] * 11, *[0.5] * 10, *[0.25] * 5]
    np.testing.assert_allclose(rates(recipe), expected)


def test_the_rise_of_one_cycle_is_its_warmup() -> None:
    usual, early = (rates(Recipe(epochs=4, warmup=warmup, lr=1.0)) for warmup in (0, 1))
    assert (int(np.argmax(usual)), int(np.argmax(early))) == (5, 4)
    assert max(early) == pytest.approx(1.0)
    assert early[-1] < 1e-4


@pytest.mark.parametrize(("momentum", "least", "largest"), [(0.9, 0.85, 0.95), (0.5, 0.45, 0.55), (0.0, 0.0, 0.0)])
def test_one_cycle_moves_the_momentum_about_the_recipes(momentum: float, least: float, largest: float) -> None:
    recipe = Recipe(epochs=2, optimizer="sgd", momentum=momentum)
    optimizer = build_optimizer(recipe, nn.Linear(1, 1))
    schedule = build_schedule(recipe, optimizer, 10)
    seen = []
    for _ in range(20):
        seen.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    assert (min(seen), max(seen)) == pytest.approx((least, largest), abs=1e-3)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"ema": 1.0}, "ema must be 0 to below 1, got 1"),
        ({"lr": 0.0}, r"the learning rate \(lr\) must be a positive number, got 0"),
        ({"clip_norm": -1.0}, "clip_norm must be at least 0, got -1"),
        ({"mixup": math.nan}, "mixup must be at least 0, got nan"),
        ({"decay_factor": 0.0, "schedule": "step"}, "decay_factor must be above 0 to 1, got 0"),
        ({"schedule": "cos"}, "there is no schedule 'cos'; known: one-cycle, cosine, step, constant"),
        ({"warmup": 31.0}, "a warmup of 31 epochs is longer than the training of 30"),
        ({"momentum": 0.5}, "momentum belongs to optimizer 'sgd', and this training has 'adamw'"),
        ({"decay_every": 3}, "decay_every belongs to schedule 'step', and this training has 'one-cycle'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_choice_outside_its_domain_is_refused(choice: dict[str, object], message: str) -> None:
    with pytest.raises(TinyconvError, match=message):
        Recipe().changed(**choice)


@pytest.mark.parametrize("recipe", [*RECIPES.values(), Recipe(optimizer="sgd", schedule="step", decay_every=3)])
def test_a_recipes_choices_make_it_from_any_other(recipe: Recipe) -> None:
    for other in (Recipe(), RECIPES["orl"], RECIPES["lfw-subset"]):
        again = other.changed(**recipe.choices())
        assert again == recipe


def noise(classes: int = 2) -> ImageData:
    images = np.random.default_rng(0).uniform(size=(20, 1, 12, 12)).astype(np.float32)
    return ImageData("noise", images, np.arange(20) % classes, ("a", "b", "c")[:classes], "", False)


def test_a_trainer_has_what_the_recipe_says() -> None:
    recipe = Recipe(model="lenet", epochs=3, batch_size=4, accumulate=2, ema=0.9, clip_norm=2.0, mixup=0.4)
    experiment = Experiment.prepare(noise(3), recipe)
    told: list[int] = []

    class Told(Callback):
        def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
            told.append(images)

    trainer = experiment.trainer([Told()])
    batches = experiment.train_batches()
    assert next(iter(batches))[1].shape == (4, 3)
    trainer.fit(batches, experiment.test_batches(), 1)
    assert told == [8, 6]
    assert (trainer.clip_norm, trainer.clip_value) == (2.0, None)
    assert trainer.ema is not None
    assert trainer.ema.decay == 0.9
    assert experiment.scheduler.total_steps == 6


def test_a_training_stops_after_so_many_epochs_without_a_lower_held_out_loss() -> None:
    tc.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0, 1.5, 1.6, 0.5])

    class Scripted(Trainer):
        def evaluate(self, data):  # type: ignore[no-untyped-def]
            evaluation = super().evaluate(data)
            return type(evaluation)(next(losses), evaluation.confusion)

    data = [(tc.ones(2, 1, 1, 1), tc.tensor([0, 1]))]
    stopping = EarlyStopping(2)
    trainer = Scripted(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.0), callbacks=[stopping])
    assert len(trainer.fit(data, data, 9)) == 4
    assert trainer.outcome == "finished"
    again = EarlyStopping(2)
    again.load_state_dict(stopping.state_dict())
    resumed = Scripted(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.0), callbacks=[again])
    assert len(resumed.fit(data, data, 9)) == 0, "its patience is at an end"
    again.load_state_dict({"best": 1.2, "waited": 1})
    assert len(resumed.fit(data, data, 9)) == 3, "1.0 is better, then two are not"


def test_brightness_contrast_and_flips_are_part_of_the_augmentation_unless_all_of_it_is_off() -> None:
    recipe = Recipe(brightness=0.2, contrast=0.1, flip=True)
    assert "ColorJitter(brightness=0.2, contrast=0.1)" in repr(recipe.augmentation(mirror=False, seed=0))
    assert "Flip" in repr(recipe.augmentation(mirror=False, seed=0))
    assert "Flip" not in repr(recipe.changed(flip=False).augmentation(mirror=True, seed=0))
    assert recipe.changed(augment=False).augmentation(mirror=True, seed=0) is None
