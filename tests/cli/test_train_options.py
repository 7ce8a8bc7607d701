"""Every option of ``tinyconv train`` also from a file, and the file that a run records repeats it."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from command import tinyconv
from PIL import Image
from tiny_run import write_dataset
from tinyconv.cli.train import command
from tinyconv.cli.train_options import NOT_IN_A_FILE, known

from tinyconv.core.precision import float32_precision, set_float32_precision
from tinyconv.train import Recipe

OPTIONS = (
    "--epochs 2 --batch-size 8 --accumulate 2 --model lenet --optimizer sgd --momentum 0.8 --lr 0.02 --weight-decay 0 "
    "--schedule step --decay-every 1 --decay-factor 0.5 --warmup 0.5 --clip-norm 2 --clip-value 0.5 --ema 0.9 "
    "--early-stopping 4 --label-smoothing 0.05 --mixup 0.3 --flip --shift 1 --crop 1 --degrees 3 --scale 0.02 "
    "--brightness 0.1 --contrast 0.1 --cutout 2 --train-per-class 16 --image-size 12x13 --min-per-class 2 --seed 3 "
    "--precision exact --probes 1 --feature-epochs 2 --log-every 1 --statistics-every 2 --checkpoint-every 3"
)


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    before = float32_precision()
    yield
    set_float32_precision(before)


def test_every_field_of_a_recipe_is_an_option_and_may_stand_in_a_file() -> None:
    assert {field.name for field in fields(Recipe)} <= set(known(command))
    assert {option.name for option in command.params} - set(known(command)) <= set(NOT_IN_A_FILE)


def test_a_run_records_settings_that_repeat_it_bit_for_bit(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    first = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "first", *OPTIONS.split())
    assert first.code == 0, first.stderr
    settings = tomllib.loads((tmp_path / "first" / "config.toml").read_text())
    for word in OPTIONS.split():
        if word.startswith("--"):
            assert word.removeprefix("--").replace("-", "_") in settings
    second = tinyconv("train", "--config", tmp_path / "first" / "config.toml", "--out", tmp_path / "second")
    assert second.code == 0, second.stderr
    for name in ("config.toml", "last.safetensors", "best.safetensors", "steps.jsonl", "gradients.jsonl"):
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes(), name
    recipes = [json.loads((tmp_path / run / "run.json").read_text())["recipe"] for run in ("first", "second")]
    assert recipes[0] == recipes[1]
    assert len((tmp_path / "first" / "steps.jsonl").read_text().splitlines()) == settings["epochs"] * 2
    replaced = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "first", "--force", "--epochs", 1)
    assert replaced.code == 0, replaced.stderr
    assert not (tmp_path / "first" / "steps.jsonl").exists(), "of the run that was replaced"


def test_the_command_line_goes_before_the_file_and_the_file_before_the_recipe(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    (tmp_path / "mine.toml").write_text(
        f"data = {json.dumps(f'npz:{data}')}\nepochs = 9\nlr = 1\nfeature_epochs = [1]\n"
        "[model_options]\nwidths = [4, 8]\n"
    )
    outcome = tinyconv(
        *("train", "--config", tmp_path / "mine.toml", "--epochs", 1, "--model-option", "dropout=0.25"),
        *("--model-option", "widths=[8]", "--out", tmp_path / "run", "--log-every", 1),
    )
    assert outcome.code == 0, outcome.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["recipe"]["epochs"], record["recipe"]["lr"]) == (1, 1.0)
    assert record["recipe"]["model_options"] == {"dropout": 0.25, "widths": [8]}
    assert len((tmp_path / "run" / "steps.jsonl").read_text().splitlines()) == 2


def test_event_files_are_written_where_they_can_be(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    data = write_dataset(tmp_path / "data.npz")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--epochs", 1, "--out", tmp_path / "run", "--tensorboard")
    assert outcome.code == 0, outcome.stderr
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.*"))) == 1


def test_without_tensorboard_its_log_is_refused_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    outcome = tinyconv("train", "--out", tmp_path / "run", "--tensorboard")
    assert outcome.code == 2
    assert "pip install 'tinyconv[tensorboard]'" in outcome.stderr
    assert not (tmp_path / "run").exists()


def test_a_search_for_the_learning_rate_leaves_a_picture_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_dataset(tmp_path / "data.npz")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--find-lr", "--model", "lenet")
    assert outcome.code == 0, outcome.stderr
    assert "the loss falls fastest at a learning rate of" in outcome.stdout
    assert [path.name for path in Path().iterdir()] == ["learning-rate.png"]
    with Image.open("learning-rate.png") as picture:
        assert picture.size == (780, 504)
    assert tinyconv("train", "--data", f"npz:{data}", "--find-lr", "mine.png", "--model", "lenet").code == 0
    assert Path("mine.png").exists()
