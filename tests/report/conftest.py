"""A run with a hostile class name, and its report; made once for the tests of a process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from command import tinyconv
from tiny_run import write_dataset

from tinyconv.report import Report
from tinyconv.report.assembly import Computed, compute
from tinyconv.report.making import SIZE_LIMIT, fitting
from tinyconv.report.material import gather
from tinyconv.train import load_run

HOSTILE = "</script><script>alert(1)</script>"
OPTIONS = ("--epochs", 2, "--batch-size", 16, "--probes", 2, "--feature-epochs", "0,1,2", "--statistics-every", 1)


class Reported(NamedTuple):
    run: Path
    computed: Computed
    file: Path
    html: str


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    data = write_dataset(folder / "data.npz")
    with np.load(data) as arrays:
        content = dict(arrays)
    content["class_names"] = np.array([HOSTILE, '"left" & <b>right</b>'])
    np.savez(data, **content)
    outcome = tinyconv("train", "--data", f"npz:{data}", "--out", folder / "run", *OPTIONS)
    assert outcome.code == 0, outcome.stderr
    return folder / "run"


@pytest.fixture(scope="session")
def reported(hostile_run: Path) -> Reported:
    file = hostile_run.parent / "report.html"
    computed = compute(gather(load_run(hostile_run)), 0, lambda _: None)
    html, _ = fitting(computed, SIZE_LIMIT)
    Report(html, ()).save(file)
    return Reported(hostile_run, computed, file, html)


@pytest.fixture
def own_run(hostile_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage; its data lie where they were."""
    return Path(shutil.copytree(hostile_run, tmp_path / "run"))
