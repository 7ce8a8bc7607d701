"""The commands as a user runs them, on a run that trains in a second."""

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from PIL import Image
from tiny_run import OPTIONS, train_tiny_run, write_dataset

from tinyconv.core.precision import set_float32_precision
from tinyconv.train.trainer import Trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("commands"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.zeros((24, 24), np.uint8)
    pixels[6:18, 4:10] = 200
    Image.fromarray(pixels).save(tmp_path / "left.png")
    return tmp_path / "left.png"


def modules_after(statement: str) -> set[str]:
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return {name.partition(".")[0] for name in finished.stderr.split()}


HEAVY = {"numba", "llvmlite", "matplotlib", "sklearn", "skimage", "scipy", "rich", "PIL"}


@pytest.mark.parametrize(
    "statement",
    [
        "import tinyconv",
        "import tinyconv.cli; sys.argv = ['tinyconv', '--help']; tinyconv.cli.main()",
        "import tinyconv.cli; sys.argv = ['tinyconv', 'train', '--help']; tinyconv.cli.main()",
        "import tinyconv.cli; sys.argv = ['tinyconv', 'predict', '--help']; tinyconv.cli.main()",
        "import tinyconv.cli; sys.argv = ['tinyconv', 'evaluate', '--help']; tinyconv.cli.main()",
        "import tinyconv.cli; sys.argv = ['tinyconv', 'tune', '--help']; tinyconv.cli.main()",
    ],
)
def test_import_and_help_load_nothing_slow(statement: str) -> None:
    loaded = modules_after(statement)
    assert "tinyconv" in loaded
    assert not loaded & HEAVY


def test_python_dash_m_tinyconv_is_the_command() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tinyconv", "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    assert "train" in finished.stdout
    assert "features" in finished.stdout


@pytest.mark.parametrize(
    "verb", ["train", "features", "predict", "evaluate", "compare", "tune", "summary", "profile", "warmup", "info"]
)
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    outcome = tinyconv(verb, "--help")
    assert outcome.code == 0
    assert f"  tinyconv {verb}" in outcome.stdout.split("Example")[1]


def test_train_leaves_a_complete_run_folder_and_prints_where_it_is_and_how_good(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "run", *OPTIONS)
    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"run        {tmp_path / 'run'}\nheld out   ")
    assert "true \\ taken for  left  right" in outcome.stdout
    assert "epoch 2/2" in outcome.stderr
    names = {path.name for path in (tmp_path / "run").iterdir()}
    weights = {"best.safetensors", "last.safetensors", "state.safetensors"}
    assert names == {
        "run.json",
        "config.toml",
        "splits.json",
        "metrics.csv",
        "curves.png",
        "features",
        "health.npz",
        *weights,
    }
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "finished"
    assert np.sum(record["result"]["confusion"]) == record["data"]["held_out"] == 12
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[-1]["test_accuracy"]) == record["result"]["held_out_accuracy"]


def test_the_precision_is_set_and_kept_in_the_record(run: Path, tmp_path: Path) -> None:
    assert json.loads((run / "run.json").read_text())["float32_precision"] == "fast"
    data = write_dataset(tmp_path / "data.npz")
    with set_float32_precision("fast"):
        outcome = tinyconv(
            "train", "--data", f"npz:{data}", "--out", tmp_path / "run", *OPTIONS, "--precision", "exact"
        )
    assert outcome.code == 0, outcome.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["float32_precision"] == "exact"
    refused = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "gpu", *OPTIONS, "--precision", "tf32")
    assert refused.code == 2
    assert "'tf32' is a mode of GPUs" in refused.stderr
    assert not (tmp_path / "gpu").exists()


def test_runs_are_numbered_where_no_folder_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data.npz")
    (tmp_path / "runs" / "0041").mkdir(parents=True)
    outcome = tinyconv("train", "--data", "npz:data.npz", *OPTIONS)
    assert outcome.stdout.startswith("run        runs/0042\n")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(run: Path, tmp_path: Path) -> None:
    data = run.parent / "data.npz"
    for name, seed in (("same", 0), ("other", 1)):
        tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / name, "--seed", seed, *OPTIONS)
    weights = (run / "last.safetensors").read_bytes()
    assert (tmp_path / "same" / "last.safetensors").read_bytes() == weights
    assert (tmp_path / "other" / "last.safetensors").read_bytes() != weights
    assert (tmp_path / "same" / "curves.png").exists()
    for relative in ("features/features.npz", "health.npz"):
        assert (tmp_path / "same" / relative).read_bytes() == (run / relative).read_bytes()


def test_force_replaces_the_run_and_leaves_other_files_alone(tmp_path: Path) -> None:
    run = train_tiny_run(tmp_path)
    (run / "notes.txt").write_text("mine")
    old = sorted((run / "features").rglob("*-epoch-002.png"))
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(tmp_path / "left.png")
    assert tinyconv("features", run, tmp_path / "left.png", "--layers", "conv*").code == 0
    again = ("train", "--data", f"npz:{tmp_path / 'data.npz'}", "--out", run, "--epochs", 1, "--probes", 1)
    assert tinyconv(*again).code == 2
    assert tinyconv(*again, "--force").code == 0
    assert (run / "notes.txt").read_text() == "mine"
    assert old
    assert not any(path.exists() for path in old)
    assert not (run / "features" / "left").exists()
    assert json.loads((run / "run.json").read_text())["result"]["epochs"] == 1


def test_an_interruption_leaves_a_valid_run_and_exit_code_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_epoch = Trainer._train_epoch

    def interrupted(trainer: Trainer, batches: object) -> object:
        if trainer.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(trainer, batches)

    monkeypatch.setattr(Trainer, "_train_epoch", interrupted)
    data = write_dataset(tmp_path / "data.npz")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "run", *OPTIONS)
    assert outcome.code == 130
    assert outcome.stderr.rstrip().endswith("Error: interrupted")
    assert "Traceback" not in outcome.stderr
    assert str(tmp_path / "run") in outcome.stdout
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 2
    assert tinyconv("summary", tmp_path / "run").code == 0


@pytest.fixture
def python_hears_of_interruptions() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where a shell started the tests in the background, which ignores it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("python_hears_of_interruptions")
@pytest.mark.parametrize(
    "moment",
    ["tinyconv.features.recorder.activations_of", "tinyconv.features.recorder.FeatureRecorder.__init__"],
    ids=["first feature maps", "just after the folder was made"],
)
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_epoch_is_recorded_as_an_interruption(
    sent: signal.Signals, code: int, moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        signal.raise_signal(sent)

    monkeypatch.setattr(moment, interrupted)
    data = write_dataset(tmp_path / "data.npz")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--out", tmp_path / "run", "--epochs", 1)
    assert (outcome.code, outcome.stderr.splitlines()[-1]) == (code, "Error: interrupted")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"


def closed_after_a_line(stream: str, *arguments: object) -> int:
    """The exit code of ``tinyconv ARGUMENTS`` whose stdout or stderr nobody reads; it must not show a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    command = [sys.executable, "-m", "tinyconv", *map(str, arguments)]
    finished = subprocess.run(command, text=True, check=False, timeout=120, **streams)  # type: ignore[call-overload]
    os.close(writing)
    assert "Traceback" not in (finished.stderr or "")
    assert "BrokenPipe" not in (finished.stderr or "")
    return int(finished.returncode)


def test_a_training_that_nobody_listens_to_finishes(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data.npz")
    assert closed_after_a_line("stderr", "train", "--data", f"npz:{data}", "--out", tmp_path / "run", *OPTIONS) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"


def test_features_that_nobody_reads_the_names_of_are_written(run: Path, image: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    assert closed_after_a_line("stdout", "features", run, image, "--layers", "conv1,pool1", "--out", maps) == 0
    assert sorted(path.name for path in maps.iterdir()) == ["conv1.png", "features.npz", "pool1.png"]


def test_colour_images_at_their_own_size_are_trained_on_and_drawn(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 12, 12, 3), np.uint8)
    np.savez(tmp_path / "colour.npz", images=pixels, labels=np.arange(16) % 2)
    outcome = tinyconv("train", "--data", f"npz:{tmp_path / 'colour.npz'}", "--out", tmp_path / "run", "--epochs", 1)
    assert outcome.code == 0, outcome.stderr
    assert "1 epoch of 1 step, seed 0" in outcome.stderr


def test_layers_that_lack_the_channels_are_left_out_unless_named(run: Path, image: Path, tmp_path: Path) -> None:
    with np.load(run / "features" / "features.npz", allow_pickle=False) as archive:
        count = min(archive[name].shape[2] for name in archive.files if name.startswith("conv"))
    last = ("--channels", count, "--out", tmp_path / "maps", "--format", "npz")
    outcome = tinyconv("features", run, image, *last)
    assert outcome.code == 0
    (note,) = outcome.stderr.splitlines()
    assert note.startswith("left out, for they lack some of the channels: conv1, ")
    with np.load(tmp_path / "maps" / "features.npz", allow_pickle=False) as archive:
        assert "conv1" not in archive.files
        assert "conv2" in archive.files
    assert tinyconv("features", run, image, *last, "--force", "--layers", "conv1,conv2").code == 2


def test_predict_prints_class_and_probability(run: Path, image: Path) -> None:
    outcome = tinyconv("predict", run, image, "--top", 2, "--json")
    (row,) = json.loads(outcome.stdout)
    assert row["image"] == str(image)
    assert row["top"][row["class"]] == row["probability"] == max(row["top"].values())
    assert sum(row["top"].values()) == pytest.approx(1, abs=1e-6)
    table = tinyconv("predict", run, image)
    assert table.stdout.split() == [str(image), row["class"], f"{100 * row['probability']:.1f}%"]
    rows = list(csv.DictReader(io.StringIO(tinyconv("predict", run, image, "--csv").stdout)))
    assert rows == [
        {"image": str(image), "rank": "1", "class": row["class"], "probability": f"{row['probability']:.6f}"}
    ]


def test_predict_passes_over_a_corrupt_image_and_says_so(run: Path, image: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(image.read_bytes()[:60])
    outcome = tinyconv("predict", run, image, tmp_path / "broken.png", image)
    assert outcome.code == 2
    assert len(outcome.stdout.splitlines()) == 2
    assert outcome.stderr.count("Error: ") == 1
    assert "broken.png" in outcome.stderr


def test_features_writes_the_layers_and_channels_asked_for(run: Path, image: Path, tmp_path: Path) -> None:
    outcome = tinyconv(
        "features",
        run,
        image,
        "--layers",
        "conv*",
        "--channels",
        "0-3",
        "--out",
        tmp_path / "maps",
        "--format",
        "png,npz",
    )
    assert outcome.code == 0, outcome.stderr
    printed = [Path(line) for line in outcome.stdout.splitlines()]
    assert sorted(printed) == sorted((tmp_path / "maps").iterdir())
    with np.load(tmp_path / "maps" / "features.npz", allow_pickle=False) as archive:
        assert archive["conv1"].shape == (1, 4, 12, 12)
        assert not any(name.startswith("pool") for name in archive.files)
        meta = json.loads(str(archive["__meta__"]))
    assert meta["checkpoint"] == "last.safetensors"


def test_summary_counts_the_parameters_of_a_model_and_of_a_run(run: Path) -> None:
    lenet = json.loads(tinyconv("summary", "lenet", "--input-size", "28x28", "--classes", 10, "--json").stdout)
    assert lenet["parameters"] == 61_706
    of_run = tinyconv("summary", run, "--csv").stdout
    assert next(csv.DictReader(io.StringIO(of_run)))["type"] == "FaceNet"
    assert "conv1" in tinyconv("summary", run).stdout


def test_info_names_versions_processor_and_threads() -> None:
    facts = json.loads(tinyconv("info", "--json").stdout)
    assert {"python", "numba", "tinyconv", "processor", "threads", "threading layer", "kernel cache"} <= set(facts)
    assert facts["vector"].endswith("float32")
    assert facts["register tile"].endswith("vectors")
    assert facts["gpu"]


def test_without_a_writable_cache_one_warning_says_so_and_the_command_works() -> None:
    without_cache = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": "/dev/null/nowhere"}
    finished = subprocess.run(
        [sys.executable, "-m", "tinyconv", "info"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, **without_cache},
    )
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("Warning: compiled kernels cannot be kept on disk")


def test_a_failure_of_the_system_is_one_line_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "run.json")

    monkeypatch.setattr("tinyconv.train.environment.versions", full)
    outcome = tinyconv("info")
    assert (outcome.code, outcome.stderr) == (2, "Error: run.json: No space left on device\n")


def test_an_unexpected_error_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("tinyconv.train.environment.versions", broken)
    outcome = tinyconv("info")
    assert outcome.code == 1
    assert outcome.stderr.startswith("Error: ZeroDivisionError: division by zero")
    assert len(outcome.stderr.splitlines()) == 1
    monkeypatch.setenv("TINYCONV_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        tinyconv("info")
