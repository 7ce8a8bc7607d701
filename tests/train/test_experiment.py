"""Recipes, batches and splits: what is trained, on what, and that nothing held out is learnt from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tinyconv import TinyconvError
from tinyconv.data.images import ImageData
from tinyconv.data.transforms import Augmentation, RandomShift
from tinyconv.train import Batches, Experiment, Preprocessing, Recipe, RunFolder, RunWriter, Trainer, recipe_for
from tinyconv.train.recipes import RECIPES

RANDOM = np.random.default_rng(0)


def image_data(images: int = 40, side: int = 8, mirror: bool = False, name: str = "mine") -> ImageData:
    pixels = RANDOM.uniform(size=(images, 1, side, side)).astype(np.float32)
    return ImageData(name, pixels, np.arange(images) % 4, ("a", "b", "c", "d"), "nobody", mirror)


IDENTITY = Preprocessing(1, (8, 8), (0.0,), (1.0,))


def test_every_image_comes_once_per_epoch_in_batches_of_nearly_one_size() -> None:
    images = np.arange(10, dtype=np.float32)[:, None, None, None]
    preprocessing = Preprocessing(1, (1, 1), (0.0,), (1.0,))
    batches = Batches(images, np.arange(10), 4, preprocessing, shuffle=True, seed=3)
    seen = [labels.numpy() for _, labels in batches]
    assert [len(labels) for labels in seen] == [4, 3, 3]
    assert len(batches) == 3
    assert sorted(np.concatenate(seen)) == list(range(10))
    for inputs, labels in batches:
        np.testing.assert_array_equal(inputs.numpy().ravel(), labels.numpy())


def test_order_and_augmentation_follow_seed_and_epoch_and_nothing_else() -> None:
    data = image_data()

    def epoch(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        augmentation = Augmentation([RandomShift(2)], seed)
        batches = Batches(data.images, data.labels, 16, IDENTITY, augmentation=augmentation, shuffle=True, seed=seed)
        batches.set_epoch(number)
        parts = list(batches)
        return np.concatenate([x.numpy() for x, _ in parts]), np.concatenate([t.numpy() for _, t in parts])

    np.testing.assert_array_equal(epoch(0)[0], epoch(0)[0])
    assert (epoch(0)[0] != epoch(1)[0]).any()
    for other in (epoch(1), epoch(0, seed=1)):
        assert (other[1] != epoch(0)[1]).any(), "the labels come in another order"


def test_the_held_out_images_are_not_learnt_from_and_not_in_the_normalisation() -> None:
    data = image_data()
    experiment = Experiment.prepare(data, Recipe(), seed=5)
    assert not set(experiment.train_indices) & set(experiment.test_indices)
    assert sorted([*experiment.train_indices, *experiment.test_indices]) == list(range(40))
    np.testing.assert_array_equal(np.bincount(data.labels[experiment.test_indices]), [2, 2, 2, 2])
    training = data.images[experiment.train_indices]
    assert experiment.preprocessing.mean[0] == pytest.approx(training.mean(dtype=np.float64), abs=1e-7)
    normalised = np.concatenate([x.numpy() for x, _ in experiment.test_batches()])
    expected = (data.images[experiment.test_indices] - experiment.preprocessing.mean[0]) / experiment.preprocessing.std[
        0
    ]
    np.testing.assert_allclose(normalised, expected, atol=1e-6)


def test_images_are_flipped_only_where_the_dataset_says_that_they_may_be() -> None:
    assert "Flip" in repr(Recipe().augmentation(mirror=True, seed=0))
    assert "Flip" not in repr(Recipe().augmentation(mirror=False, seed=0))
    assert Recipe(augment=False).augmentation(mirror=True, seed=0) is None


def test_a_choice_of_split_replaces_the_recipes_own() -> None:
    assert RECIPES["orl"].changed(test_fraction=0.3).train_per_class is None
    assert RECIPES["digits"].changed(train_per_class=7).test_fraction is None
    assert RECIPES["orl"].changed(test_fraction=None, lr=None) == RECIPES["orl"]


def test_another_optimizer_brings_its_own_learning_rate_unless_one_is_given() -> None:
    assert Recipe().changed(optimizer="sgd").lr == 0.05
    assert Recipe().changed(optimizer="sgd", lr=0.2).lr == 0.2
    assert Recipe(lr=0.7).changed(optimizer="adamw").lr == 0.7


def test_another_model_does_not_get_the_options_of_the_recipes_own() -> None:
    assert RECIPES["lfw-subset"].model_options
    assert RECIPES["lfw-subset"].changed(model="lenet").model_options == {}
    assert RECIPES["lfw-subset"].changed(model="facenet") == RECIPES["lfw-subset"]


def test_unknown_images_get_shifts_in_proportion_to_their_size() -> None:
    assert recipe_for(image_data(side=8)).shift == 0
    assert recipe_for(image_data(side=64)).shift == 3
    assert recipe_for(image_data(name="digits")) is RECIPES["digits"]


@pytest.mark.parametrize(
    "choice", [{"epochs": 0}, {"batch_size": 0}, {"lr": 0.0}, {"lr": float("inf")}, {"optimizer": "x"}, {"model": "x"}]
)
def test_a_recipe_refuses_values_outside_their_range(choice: dict[str, object]) -> None:
    with pytest.raises(TinyconvError):
        Recipe().changed(**choice)


def test_preprocessing_survives_json() -> None:
    preprocessing = Preprocessing.fit(image_data().images)
    assert Preprocessing.from_json(preprocessing.to_json()) == preprocessing
    for damage in ({"std": []}, {"mean": "no"}, {"image_size": [1]}, {"channels": None}):
        with pytest.raises(TinyconvError, match="damaged"):
            Preprocessing.from_json(preprocessing.to_json() | damage)


def test_the_split_is_recorded_with_the_names_of_the_files(tmp_path: Path) -> None:
    data = image_data()
    data.names = tuple(f"{index}.png" for index in range(40))
    data.groups = np.arange(40)
    data.groups[[4, 8]] = 4
    data.damaged = ("a/broken.png",)
    experiment = Experiment.prepare(data, Recipe())
    RunWriter(RunFolder(tmp_path), experiment.configuration(), splits=experiment.splits()).on_train_start(
        Trainer(experiment.model, experiment.loss, experiment.optimizer)
    )
    record = json.loads((tmp_path / "splits.json").read_text())
    assert record["held_out"]["indices"] == experiment.test_indices.tolist()
    assert record["held_out"]["names"] == [f"{index}.png" for index in experiment.test_indices]
    assert record["training"]["indices"] == experiment.train_indices.tolist()
    assert record["near_duplicates"] == [[4, 8]]
    assert record["damaged"] == ["a/broken.png"]
    assert experiment.configuration()["data"]["damaged"] == 1
    assert RunFolder(tmp_path).splits in RunFolder(tmp_path).files()
    assert Experiment.prepare(image_data(), Recipe()).splits()["held_out"].keys() == {"indices"}
