"""Several processes under ``mpiexec``: the curve is that of one, and no failure leaves the others waiting."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parent.parent / "support" / "mpi_training.py"
BESIDE_PYTHON = Path(sys.executable).parent / "mpiexec"
BOUND = 120
"""Seconds after which a job counts as one that hangs."""


@functools.cache
def mpiexec() -> str | None:
    """A launcher with which two processes see each other."""
    if importlib.util.find_spec("mpi4py") is None:
        return None
    package = Path(str(importlib.util.find_spec("mpi4py").origin)).parents[4] / "bin" / "mpiexec"
    for candidate in (str(BESIDE_PYTHON), str(package), shutil.which("mpiexec")):
        if candidate is None or not Path(candidate).is_file():
            continue
        program = "from mpi4py import MPI; print('of', MPI.COMM_WORLD.size)"
        command = [candidate, "-n", "2", sys.executable, "-c", program]
        found = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
        if found.stdout.count("of 2") == 2:
            return candidate
    return None


pytestmark = pytest.mark.skipif(mpiexec() is None, reason="needs mpi4py and an mpiexec: pip install 'tinyconv[mpi]'")


def run(ranks: int, *arguments: str, program: tuple[str, ...] = (), folder: Path | None = None):
    """The program under ``mpiexec -n ranks``, on one thread each."""
    command = [str(mpiexec()), "-n", str(ranks), sys.executable, *(program or (str(PROGRAM),)), *arguments]
    environment = os.environ | {"NUMBA_NUM_THREADS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=BOUND, check=False, env=environment, cwd=folder
    )


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory):
    """The results by dtype and number of processes, each computed once."""
    folder = tmp_path_factory.mktemp("mpi")

    @functools.cache
    def curve(dtype: str, ranks: int, again: bool = False) -> dict[str, np.ndarray]:
        result = folder / f"{dtype}-{ranks}-{again}.npz"
        done = run(ranks, str(result), dtype)
        assert done.returncode == 0, done.stderr
        return dict(np.load(result))

    return curve


@pytest.mark.parametrize(
    ("dtype", "ranks", "bound"), [("float64", 2, 1e-10), ("float64", 3, 1e-10), ("float32", 2, 1e-4)]
)
def test_fifty_steps_give_the_curve_of_one_process(curves, dtype: str, ranks: int, bound: float) -> None:
    """With synchronised batch norm, dropout, augmentation, mixup, clipping, and parts of different lengths."""
    alone, together = curves(dtype, 1), curves(dtype, ranks)
    assert len(alone["losses"]) == 50
    assert alone["losses"][:10].mean() > 1.1 * alone["losses"][-10:].mean()
    for name, expected in alone.items():
        if name != "outcome":
            np.testing.assert_allclose(together[name], expected, rtol=0, atol=bound, err_msg=name)


def test_the_same_processes_give_the_same_bits_twice(curves) -> None:
    first, second = curves("float32", 2), curves("float32", 2, again=True)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_raises_ends_the_job_with_its_error(tmp_path: Path, rank: int) -> None:
    done = run(2, str(tmp_path / "result.npz"), "float32", "--raise-on", str(rank))
    assert done.returncode != 0
    assert "ValueError: a mistake on this process alone" in done.stderr
    assert not (tmp_path / "result.npz").exists()


def test_a_process_that_is_killed_ends_the_job(tmp_path: Path) -> None:
    done = run(2, str(tmp_path / "result.npz"), "float32", "--kill", "1")
    assert done.returncode != 0
    assert not (tmp_path / "result.npz").exists()


def test_ctrl_c_to_one_process_stops_all_at_the_same_step_from_which_they_go_on_bit_for_bit(
    tmp_path: Path, curves
) -> None:
    file = tmp_path / "result.npz"
    done = run(2, str(file), "float32", "--interrupt", "1")
    assert done.returncode == 0, done.stderr
    with np.load(file) as result:
        assert str(result["outcome"]) == "interrupted"
        assert len(result["losses"]) == 13
    assert run(2, str(file), "float32").returncode == 0
    uninterrupted = curves("float32", 2)
    with np.load(file) as result:
        assert len(result["losses"]) == 37
        for name in uninterrupted:
            if name != "losses":
                np.testing.assert_array_equal(result[name], uninterrupted[name], err_msg=name)


def test_the_command_runs_as_several_processes_of_which_one_speaks_and_writes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, labels=np.arange(40) % 2)
    command = ("train", "--data", "npz:noise.npz", "--epochs", "1", "--sync-batch-norm", "--probes", "1")
    done = run(2, program=("-m", "tinyconv", *command), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held out") == 1
    assert "2 processes, each with its part of every batch" in done.stderr
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == ["0001"]
    metrics = (tmp_path / "runs" / "0001" / "metrics.csv").read_text().splitlines()
    assert len(metrics) == 2
    assert " of 10 images" in done.stdout  # all of those held out, of which each process judged half


def test_a_mistake_that_all_processes_make_is_told_once(tmp_path: Path) -> None:
    done = run(2, program=("-m", "tinyconv", "train", "--data", "nothing"), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert done.stderr.startswith("Error: there is no dataset 'nothing'")
