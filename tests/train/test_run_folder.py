"""Run folders: numbering, refusing to overwrite, and loading back what was trained."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError
from tinyconv.data import sources
from tinyconv.data.images import ImageData
from tinyconv.features import Features, Layer, evolution_page, save_evolution_gif
from tinyconv.features.canvas import write_png
from tinyconv.train import EpochRecord, Evaluation, Experiment, Recipe, RunFolder, RunWriter, Trainer, load_run
from tinyconv.train.curves import curves_png
from tinyconv.train.resuming import data_digest, resume_run


def test_folders_are_numbered_one_above_the_highest(tmp_path: Path) -> None:
    (tmp_path / "0007").mkdir()
    (tmp_path / "notes").mkdir()
    assert RunFolder.numbered(tmp_path).path.name == "0008"
    assert RunFolder.numbered(tmp_path).path.name == "0009"


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    ready = threading.Barrier(8)
    folders = []

    def start() -> None:
        ready.wait()
        folders.append(RunFolder.numbered(tmp_path).path.name)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(folders) == [f"{number:04d}" for number in range(1, 9)]


def test_a_folder_in_use_is_refused_and_force_deletes_only_files_of_tinyconv(tmp_path: Path) -> None:
    own = ("mine.txt", "features/own.png", "features/me/own.png", "features/own.gif", "features/own.html")
    for name in ("run.json", "health.npz", "features/features.npz", "features/me/features.npz", *own):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    for name in ("probe-1-a/conv1-epoch-000.png", "you/conv1.png", "me/conv1.png"):
        write_png(tmp_path / "features" / name, np.zeros((4, 4, 3), np.uint8))
    save_evolution_gif(tmp_path / "features" / "evolution" / "conv1.gif", np.zeros((2, 1, 4, 4)), [0, 1], "conv1")
    page = evolution_page(recording(), title="a run")
    (tmp_path / "features" / "evolution" / "evolution.html").write_text(page)
    with pytest.raises(TinyconvError, match="not empty"):
        RunFolder.exact(tmp_path)
    assert (tmp_path / "run.json").exists()
    RunFolder.exact(tmp_path, force=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(own)
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["me", "own.gif", "own.html", "own.png"]


def recording() -> Features:
    meta = {"epochs": [0, 1], "layers": {"conv1": Layer("conv1").as_json()}, "probe_labels": ["a"]}
    return Features({"conv1": np.zeros((2, 1, 3, 4, 4), np.float32)}, None, meta)


def test_force_refuses_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("mine")
    with pytest.raises(TinyconvError, match=r"not a run folder \(it has no run\.json\)"):
        RunFolder.exact(tmp_path, force=True)
    assert (tmp_path / "metrics.csv").read_text() == "mine"


def prepared(tmp_path: Path) -> tuple[Experiment, RunWriter, Trainer]:
    images = np.random.default_rng(0).uniform(size=(16, 1, 4, 4)).astype(np.float32)
    data = ImageData("tiny", images, np.arange(16) % 2, ("a", "b"), "nobody", False)
    recipe = Recipe(model_options={"widths": [4], "dropout": 0.0}, epochs=1)
    experiment = Experiment.prepare(data, recipe)
    writer = RunWriter(RunFolder(tmp_path), experiment.configuration())
    trainer = Trainer(experiment.model, experiment.loss, experiment.optimizer)
    writer.on_train_start(trainer)
    return experiment, writer, trainer


def finish_epoch(writer: RunWriter, trainer: Trainer, test_loss: float) -> None:
    trainer.epoch += 1
    trainer.evaluation = Evaluation(test_loss, np.array([[2, 0], [1, 1]]))
    writer.on_evaluate(trainer, trainer.evaluation)
    trainer.history.append(EpochRecord(trainer.epoch, 1, 0.1, 1.0, 0.5, test_loss, 0.75, 100.0, 1.0))
    writer.on_epoch_end(trainer, trainer.history[-1])


def test_a_run_loads_back_with_the_weights_it_was_saved_with(tmp_path: Path) -> None:
    experiment, writer, trainer = prepared(tmp_path)
    finish_epoch(writer, trainer, 1.0)
    experiment.model.eval()
    run = load_run(tmp_path)
    assert (run.classes, run.epoch, run.model.training) == (("a", "b"), 1, False)
    images = experiment.data.images
    with tc.no_grad():
        logits = experiment.model(tc.Tensor(experiment.preprocessing.normalize(images))).numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(run.probabilities(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("old", "name", "option"),
    [("vgg11", "vgg11_bn", {"head": "linear"}), ("resnet18", "resnet18", {"stem": "small"})],
)
def test_a_run_that_an_older_version_recorded_loads_and_goes_on(
    tmp_path: Path, old: str, name: str, option: dict[str, str]
) -> None:
    """When "vgg11" was one network with batch norm, and "resnet18" had no stem to choose."""
    from tinyconv.models import weights

    images = np.random.default_rng(0).uniform(size=(8, 1, 32, 32)).astype(np.float32)
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(8) % 2)
    data = sources.load(f"npz:{tmp_path / 'data.npz'}")
    recipe = Recipe(model=name, model_options={"width": 1, **option}, epochs=1)
    experiment = Experiment.prepare(data, recipe)
    origin = {"spec": f"npz:{tmp_path / 'data.npz'}", "options": {}, "digest": data_digest(experiment)}
    configuration = experiment.configuration()
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    writer = RunWriter(folder, {**configuration, "data": origin})
    trainer = Trainer(experiment.model, experiment.loss, experiment.optimizer)
    writer.on_train_start(trainer)
    finish_epoch(writer, trainer, 1.0)
    writer.folder.release()
    record = json.loads(folder.run_file.read_text())
    record["model"] |= {"name": old, "options": {"width": 1}}
    record["recipe"] |= {"model": old, "model_options": {"width": 1}}
    folder.run_file.write_text(json.dumps(record))
    metadata = weights.load_metadata(folder.checkpoint("last")) | {"model": record["model"]}
    weights.save(experiment.model.state_dict(), folder.checkpoint("last"), metadata)

    run = load_run(folder.path)
    assert run.model.state_dict().keys() == experiment.model.state_dict().keys()
    assert run.record["model"]["name"] == name
    resumed = resume_run(folder.path, claim=False).experiment.recipe
    assert (resumed.model, resumed.model_options) == (name, {"width": 1, **option})


def test_best_is_the_epoch_of_the_lowest_held_out_loss_and_last_the_last(tmp_path: Path) -> None:
    _, writer, trainer = prepared(tmp_path)
    for loss in (0.9, 0.4, 0.4, 0.6):
        finish_epoch(writer, trainer, loss)
    assert load_run(tmp_path, "best").epoch == 2
    assert load_run(tmp_path, "last").epoch == 4
    writer.on_train_end(trainer)
    result = json.loads((tmp_path / "run.json").read_text())["result"]
    assert (result["best_epoch"], result["best_held_out_loss"], result["held_out_loss"]) == (2, 0.4, 0.6)
    assert result["held_out_accuracy"] == 0.75


def test_a_writer_that_goes_on_remembers_the_best_epoch(tmp_path: Path) -> None:
    experiment, writer, trainer = prepared(tmp_path)
    for loss in (0.9, 0.4):
        finish_epoch(writer, trainer, loss)
    writer.folder.release()
    record = json.loads((tmp_path / "run.json").read_text())
    resumed = RunWriter(RunFolder(tmp_path), experiment.configuration(), resumed=record)
    resumed.load_state_dict(writer.state_dict())
    resumed.on_train_start(trainer)
    finish_epoch(resumed, trainer, 0.6)
    assert (load_run(tmp_path, "best").epoch, load_run(tmp_path, "last").epoch) == (2, 3)
    assert (tmp_path / "metrics.csv").read_text().count("\n") == 1 + 3
    again = json.loads((tmp_path / "run.json").read_text())
    assert [(entry["epoch"], entry["step"]) for entry in again["resumed"]] == [(2, trainer.step)]
    assert {name: again[name] for name in ("started", "command")} == {
        name: record[name] for name in ("started", "command")
    }
    resumed.on_train_end(trainer)


def test_at_every_moment_of_a_training_the_folder_is_valid(tmp_path: Path) -> None:
    _, writer, trainer = prepared(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "running"
    assert (tmp_path / "metrics.csv").read_text().startswith("epoch,steps,")
    with pytest.raises(TinyconvError, match="no checkpoint"):
        load_run(tmp_path)
    finish_epoch(writer, trainer, 1.0)
    assert load_run(tmp_path).epoch == 1
    trainer.outcome = "interrupted"
    writer.on_train_end(trainer)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "interrupted"
    assert not list(tmp_path.glob(".*")), "no temporary files stay"


def test_a_checkpoint_with_other_tensors_is_refused_by_name(tmp_path: Path) -> None:
    from tinyconv.models import weights

    experiment, writer, trainer = prepared(tmp_path)
    finish_epoch(writer, trainer, 1.0)
    state = {name: value for name, value in experiment.model.state_dict().items() if name != "fc.bias"}
    weights.save(state, tmp_path / "last.safetensors", weights.load_metadata(tmp_path / "last.safetensors"))
    with pytest.raises(TinyconvError, match=r"last\.safetensors.*fc\.bias"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "not the record of a run"),
        ({"format_version": 2}, "format version 2"),
        ({"format_version": "one"}, "damaged"),
        ({"model": None}, "damaged"),
        ({"model": {"name": "facenet"}}, "damaged"),
        ({"classes": ["a"]}, "damaged"),
        ({"preprocessing": {}}, "damaged"),
    ],
)
def test_a_record_that_cannot_be_right_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    _, writer, trainer = prepared(tmp_path)
    finish_epoch(writer, trainer, 1.0)
    record = json.loads((tmp_path / "run.json").read_text()) | change
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(TinyconvError, match=message):
        load_run(tmp_path)


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_the_same_bytes_for_the_same_history(epochs: int) -> None:
    import matplotlib as mpl

    history = [EpochRecord(n, n, 0.1, 1 / n, 0.5, 1.2 / n, 0.6, 10.0, 1.0) for n in range(1, epochs + 1)]
    picture = curves_png(history, "title", 1)
    with mpl.rc_context({"lines.linewidth": 9, "figure.facecolor": "red"}):
        assert curves_png(history, "title", 1) == picture
    assert curves_png(history, "title", None) != picture
    assert picture.startswith(b"\x89PNG")
