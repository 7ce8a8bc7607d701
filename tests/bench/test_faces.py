"""The measurement of faces: what is held out, and that it goes on where it was cut off."""

import json

import bench_folder  # noqa: F401  (so that the benchmarks are found)
import numpy as np
import pytest
from click.testing import CliRunner

from bench import faces
from bench.suites import faces as suite

PEOPLE, PHOTOGRAPHS = 3, 12


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "faces.npz"
    numbers = np.tile(np.arange(1, PHOTOGRAPHS + 1), PEOPLE)
    names = np.repeat(["c", "a", "b"], PHOTOGRAPHS)
    kept = (names != "b") | (numbers < 5)  # of b too few are known
    images = np.zeros((kept.sum(), 8, 8), np.uint8)
    np.savez(path, images=images, names=names[kept], numbers=numbers[kept])
    return path


def test_every_fifth_photograph_of_a_person_is_held_out(file):
    data = faces.read(file, PHOTOGRAPHS)
    assert data.people == ("a", "c")
    held_out = [data.split(number)[1] for number in range(faces.SPLITS)]
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out)), np.arange(2 * PHOTOGRAPHS))
    for number, indices in enumerate(held_out):
        learnt = data.split(number)[0]
        assert not np.intersect1d(learnt, indices).size
        assert np.bincount(data.labels[indices]).tolist() == [len(range(number, PHOTOGRAPHS, 5))] * 2


def test_what_the_file_has_is_not_measured_again(file, tmp_path, monkeypatch):
    done = []

    def measure(data, split, seed, epochs, beside):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append((split, seed, beside))
        return {"tinyconv": split / 10, "eigenfaces_svm": 0.5}

    monkeypatch.setattr(suite, "measure", measure)
    out = tmp_path / "faces.json"
    command = ["--data", str(file), "--at-least", str(PHOTOGRAPHS), "--epochs", "2", "--seeds", "2", "--out", str(out)]
    assert CliRunner().invoke(suite.command, command).exit_code == 1
    rows = json.loads(out.read_text())["rows"]
    assert len(rows) == 4
    assert all(row["threads"] >= 1 for row in rows)  # each its own: another start may have others
    monkeypatch.setattr(
        suite,
        "measure",
        lambda data, *plan: done.append(plan[:2] + plan[3:]) or {"tinyconv": 0.4, "eigenfaces_svm": 0.5},
    )
    assert CliRunner().invoke(suite.command, command, catch_exceptions=False).exit_code == 0
    assert done == [*((split, 0, True) for split in range(5)), (4, 1, False)]
    other = CliRunner().invoke(suite.command, [*command, "--epochs", "3"])
    assert other.exit_code == 2
    assert "holds other figures" in other.output
