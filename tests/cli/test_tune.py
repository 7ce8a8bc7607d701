"""``tinyconv tune`` as a user runs it."""

from pathlib import Path

import pytest
from command import tinyconv
from tiny_run import write_dataset


def test_tune_searches_says_which_is_best_and_goes_on_with_more_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data.npz")
    options = ("--epochs", 1, "--trials", 2, "--width", "0.2,0.3", "--batch-size", "8,16")
    outcome = tinyconv("tune", "--data", "npz:data.npz", *options)
    assert outcome.code == 0, outcome.stderr
    assert "28 images to learn from, 8 to judge the trials by" in outcome.stderr
    assert outcome.stdout.startswith("search     tune/0001\n")
    assert "tune/0001/trials/001" in outcome.stdout
    assert outcome.stdout.rstrip().endswith("tinyconv train --config tune/0001/best.toml")
    assert {path.name for path in (tmp_path / "tune" / "0001").iterdir()} == {
        *("tune.json", "tune.png", "best.toml", "trials"),
    }
    more = tinyconv("tune", "--resume", "tune/0001", "--trials", 3)
    assert more.code == 0, more.stderr
    assert "trial 2 (3 of 3): lr " in more.stderr
    assert "trial 1 (" not in more.stderr
    fewer = tinyconv("tune", "--resume", "tune/0001", "--trials", 1)
    assert fewer.code == 2
    assert "was begun with 3 trials" in fewer.stderr
    other = tinyconv("tune", "--resume", "tune/0001", "--lr", "0.1,0.2")
    assert other.code == 2
    assert "leave --lr out" in other.stderr
