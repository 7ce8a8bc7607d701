"""``tinyconv compare`` as a user runs it."""

import json
import shutil
from pathlib import Path

import pytest
from command import tinyconv
from tiny_run import train_tiny_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    first = train_tiny_run(tmp_path_factory.mktemp("compare"))
    second = first.parent / "slow"
    shutil.copytree(first, second)
    record = json.loads((second / "run.json").read_text())
    record["recipe"]["lr"] = 1e-4
    record["status"] = "interrupted"
    (second / "run.json").write_text(json.dumps(record))
    return [first, second]


def test_compare_draws_the_curves_and_lists_what_differs(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = tinyconv("compare", *runs)
    assert outcome.code == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    row = next(line for line in lines if line.split()[:1] == ["slow"])
    assert row.split()[1:5] == ["lr", "0.0001", "interrupted", "2/2"]
    assert lines[-1] == "curves     comparison.png"
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    first = (tmp_path / "comparison.png").read_bytes()
    as_json = tinyconv("compare", *runs, "--json")
    entries = json.loads(as_json.stdout)["runs"]
    assert [entry["differs"] for entry in entries] == [{"lr": 0.003}, {"lr": 0.0001}]
    assert (tmp_path / "comparison.png").read_bytes() == first


def test_a_picture_of_the_users_own_is_not_overwritten(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    outcome = tinyconv("compare", *runs, "--out", tmp_path / "mine.png")
    assert outcome.code == 2
    assert "mine.png exists and is no picture of tinyconv" in outcome.stderr
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
