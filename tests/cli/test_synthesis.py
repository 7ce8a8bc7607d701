"""The commands that make pictures of units, on a run that trains in a second."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from PIL import Image
from tiny_run import train_tiny_run, write_dataset
from tinyconv.cli import maximize

from tinyconv.explain.synthesis import RECIPES
from tinyconv.explain.synthesis.writing import bounds_of
from tinyconv.train import held_out_images, load_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("synthesis"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.zeros((12, 12), np.uint8)
    pixels[3:9, 2:5] = 200
    Image.fromarray(pixels).save(tmp_path / "left.png")
    return tmp_path / "left.png"


def arrays_of(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, json.loads(str(arrays.pop("__meta__")))


def test_the_command_offers_every_recipe_that_there_is() -> None:
    (option,) = [one for one in maximize.command.params if one.name == "recipe"]
    assert list(option.type.choices) == [*RECIPES, maximize.CLASS_MODEL]


def test_maximize_makes_a_picture_of_every_class_and_says_what_real_images_reach(run: Path, tmp_path: Path) -> None:
    outcome = tinyconv("maximize", run, "--steps", 30, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.split() == [str(tmp_path / "a" / "classes.png"), str(tmp_path / "a" / "synthesis.npz")]
    arrays, meta = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert arrays["images"].shape == (2, 1, 12, 12)
    assert arrays["history"].shape == (31, 2)
    loaded = load_run(run)
    low, high = bounds_of(loaded.preprocessing)
    logits = loaded.logits(((arrays["images"] - low) / (high - low)).astype(np.float32))
    np.testing.assert_allclose(logits[[0, 1], [0, 1]], arrays["values"], rtol=1e-3)
    assert logits.argmax(axis=1).tolist() == [0, 1]
    held_out = held_out_images(loaded).images
    np.testing.assert_allclose(arrays["best_on_data"], loaded.logits(held_out).max(axis=0), rtol=1e-3)
    assert (meta["classes"], meta["options"]["recipe"], meta["epoch"]) == (["left", "right"], "yosinski-3", 2)


def test_the_same_seed_makes_the_same_files_and_another_others(run: Path, tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = ("--layer", "conv1", "--channels", "0-2", "--recipe", "jitter", "--steps", 3, "--seed", seed)
        outcome = tinyconv("maximize", run, *arguments, "--out", tmp_path / folder)
        assert outcome.code == 0, outcome.stderr
    first, again, other = (
        [(tmp_path / folder / name).read_bytes() for name in ("conv1.png", "synthesis.npz")] for folder in "abc"
    )
    assert first == again
    assert first[0] != other[0]


def test_class_models_of_named_classes(run: Path, tmp_path: Path) -> None:
    options = ("--recipe", "class-model", "--classes", "right", "--steps", 20)
    outcome = tinyconv("maximize", run, *options, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    arrays, meta = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert (meta["channels"], meta["method"]) == ([1], "Class model")
    assert arrays["images"][0, 0, :, 7:10].mean() > arrays["images"][0, 0, :, 2:5].mean()  # bright at the right


def test_without_the_run_s_images_the_pictures_are_made_all_the_same(tmp_path: Path) -> None:
    run = train_tiny_run(tmp_path)
    (tmp_path / "data.npz").unlink()
    outcome = tinyconv("maximize", run, "--steps", 2)
    assert outcome.code == 0, outcome.stderr
    assert "Not compared with real images" in outcome.stderr
    assert (run / "explanations" / "maximize-classes-yosinski-3" / "classes.png").is_file()


def test_invert_writes_the_image_as_the_layers_know_it(run: Path, image: Path, tmp_path: Path) -> None:
    outcome = tinyconv("invert", run, image, "--layers", "conv1,fc", "--repeats", 2, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    assert "conv1: error of the features" in outcome.stderr
    arrays, meta = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert {name: array.shape for name, array in arrays.items()} == {
        "conv1": (2, 1, 12, 12),
        "fc": (2, 1, 12, 12),
        "__input__": (1, 1, 12, 12),
    }
    assert max(meta["errors"]["conv1"]) < 0.05
    distance = [np.abs(arrays[name] - arrays["__input__"]).mean() for name in ("conv1", "fc")]
    assert distance[0] < distance[1]


def test_units_writes_the_strongest_patches_of_the_held_out_images(run: Path, tmp_path: Path) -> None:
    outcome = tinyconv("units", run, "--layer", "relu1", "--channels", "0,3", "--count", 4, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    arrays, meta = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert (arrays["values"].shape, arrays["boxes"].shape) == ((2, 4), (2, 4, 4))
    held_out = json.loads((run / "splits.json").read_text())["held_out"]["indices"]
    assert set(arrays["indices"].ravel().tolist()) <= set(held_out)
    assert (meta["layer"], meta["rule"]) == ("relu1", "deconvnet")


def test_units_of_other_images(run: Path, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "others.npz", images=20)
    options = ("--layer", "fc", "--data", f"npz:{data}", "--count", 2, "--rule", "gradient")
    outcome = tinyconv("units", run, *options, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    arrays, _ = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert arrays["channels"].tolist() == [0, 1]
    assert [set(row % 2) for row in arrays["indices"]] == [{0}, {1}]  # the images of each class excite its score


def test_dissect_prints_a_table_and_draws_each_layer(run: Path, tmp_path: Path) -> None:
    with np.load(write_dataset(tmp_path / "data.npz", images=20)) as data:
        images = data["images"]
    np.savez(tmp_path / "bars.npz", images=images, masks=images > 0.5, concepts=["bright bar"])
    options = ("--layers", "conv*", "--quantile", 0.1)
    outcome = tinyconv("dissect", run, tmp_path / "bars.npz", *options, "--out", tmp_path / "a")
    assert outcome.code == 0, outcome.stderr
    assert "bright bar" in outcome.stdout
    arrays, meta = arrays_of(tmp_path / "a" / "synthesis.npz")
    assert arrays["conv1.overlaps"].shape[1] == 1
    assert arrays["conv1.overlaps"].max() > 0.3
    assert meta["concepts"] == ["bright bar"]
    assert (tmp_path / "a" / "conv2.png").is_file()


def test_what_the_commands_made_goes_with_the_run_that_is_replaced(tmp_path: Path) -> None:
    run = train_tiny_run(tmp_path)
    assert tinyconv("maximize", run, "--steps", 1).code == 0
    note = run / "explanations" / "maximize-classes-yosinski-3" / "note.txt"
    shutil.copy(tmp_path / "data.npz", note)
    options = ("--epochs", 1, "--batch-size", 16, "--probes", 1, "--feature-epochs", "1")
    outcome = tinyconv("train", "--data", f"npz:{tmp_path / 'data.npz'}", "--out", run, *options, "--force")
    assert outcome.code == 0, outcome.stderr
    assert [file.name for file in (run / "explanations").rglob("*") if file.is_file()] == ["note.txt"]
