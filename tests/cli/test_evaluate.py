"""``tinyconv evaluate`` as a user runs it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from tiny_run import train_tiny_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("evaluate"))


def test_evaluate_finds_the_held_out_images_and_writes_figures_and_pictures(run: Path) -> None:
    outcome = tinyconv("evaluate", run)
    assert outcome.code == 0, outcome.stderr
    folder = run / "evaluation" / "held-out-last"
    record = json.loads((folder / "metrics.json").read_text())
    result = json.loads((run / "run.json").read_text())["result"]
    assert record["accuracy"] == result["held_out_accuracy"]
    assert record["data"]["learnt_from"] == 0
    assert f"accuracy   {100 * record['accuracy']:.2f}% (" in outcome.stdout
    assert "held out from the training" in outcome.stdout
    assert str(folder / "confusion.png") in outcome.stdout
    assert "beware" not in outcome.stdout
    assert tinyconv("evaluate", run).code == 0, "a second time it replaces its own"


def test_evaluate_says_plainly_that_images_were_learnt_from(run: Path, tmp_path: Path) -> None:
    spec = f"npz:{run.parent / 'data.npz'}"
    outcome = tinyconv("evaluate", run, "--data", spec, "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.stderr
    assert "beware     the model learnt from 36 of these 48 images; of the other 12 it has" in outcome.stdout
    record = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert (record["data"]["source"], record["data"]["learnt_from"], record["images"]) == (spec, 36, 48)
    best = tinyconv("evaluate", run, "--checkpoint", "best", "--out", tmp_path / "best")
    assert "beware     these images chose the epoch of best.safetensors" in best.stdout


def test_evaluate_says_that_the_images_are_not_any_more_those_of_the_record(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    record = json.loads((copy / "run.json").read_text())
    record["result"]["held_out_accuracy"] -= 0.25
    (copy / "run.json").write_text(json.dumps(record))
    outcome = tinyconv("evaluate", copy)
    said = f"run.json says {record['result']['held_out_accuracy']:.2%}: these images, or"
    assert said in outcome.stdout
    assert outcome.code == 0


def test_of_many_classes_the_weakest_are_listed() -> None:
    from tinyconv.cli.evaluate import class_table

    from tinyconv.train import Assessment

    labels = np.repeat(np.arange(30), 2)
    probabilities = np.eye(30)[labels]
    probabilities[-1] = np.eye(30)[3]
    table = class_table(Assessment(tuple(f"[c{n}]" for n in range(30)), labels, probabilities, 0.1))
    lines = table.splitlines()
    assert "[c29]" in "".join(lines[2:4])
    assert "[c3]" in "".join(lines[2:4]), "what it was taken for"
    assert "the 20 classes with the lowest F1 of 30" in lines[-1]


def test_a_run_replaced_by_force_loses_its_evaluation(run: Path, tmp_path: Path) -> None:
    own = train_tiny_run(tmp_path)
    assert tinyconv("evaluate", own).code == 0
    again = ("--epochs", 1, "--probes", 1, "--feature-epochs", 1, "--out", own, "--force")
    assert tinyconv("train", "--data", f"npz:{tmp_path / 'data.npz'}", *again).code == 0
    assert not (own / "evaluation").exists()
