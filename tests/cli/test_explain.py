"""Explanations from the command line: pictures and arrays, scores, invariants; the same again, byte for byte."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import tinyconv
from PIL import Image
from tiny_run import train_tiny_run

from tinyconv.explain import METHODS, attribute
from tinyconv.explain.checks import CHECKS
from tinyconv.train import load_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    train_tiny_run(folder)
    for name, left in (("left", 4), ("right", 15)):
        pixels = np.zeros((24, 24), np.uint8)
        pixels[6:18, left : left + 6] = 200
        (folder / name).mkdir()
        Image.fromarray(pixels).save(folder / name / "$face.png")
    return folder


def explain(folder: Path, *options: object) -> tuple[str, str]:
    outcome = tinyconv("explain", folder / "run", folder / "left" / "$face.png", *options)
    assert outcome.code == 0, outcome.stderr
    return outcome.stdout, outcome.stderr


def test_pictures_and_arrays_hold_what_the_library_computes(folder: Path, tmp_path: Path):
    second = folder / "right" / "$face.png"
    out, _ = explain(folder, second, "--method", "gradient,occlusion", "--out", tmp_path / "why")
    paths = [Path(line) for line in out.splitlines()[-3:]]
    assert [path.name for path in paths] == ["face.png", "face-2.png", "explanations.npz"]
    run = load_run(folder / "run")
    with np.load(paths[-1], allow_pickle=False) as archive:
        meta = json.loads(str(archive["__meta__"]))
        expected = attribute(run.model, archive["__input__"], "gradient")
        assert (archive["gradient"] == expected.values).all()
        assert archive["occlusion"].shape == (2, 1, 12, 12)
    assert meta["methods"]["gradient"]["targets"] == expected.targets.tolist()
    assert meta["checkpoint_sha256"] == run.checkpoint_sha256
    assert meta["classes"] == ["left", "right"]
    for path in paths[:2]:
        with Image.open(path) as picture:
            assert min(picture.size) > 200


def test_the_same_again_is_the_same_byte_for_byte_and_nothing_is_overwritten_unasked(folder: Path, tmp_path: Path):
    options = ("--method", "all", "--out", tmp_path)
    out, errors = explain(folder, *options)
    assert "cannot explain" not in errors
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refused = tinyconv("explain", folder / "run", folder / "left" / "$face.png", *options)
    assert refused.code == 2
    assert "--force" in refused.stderr
    again, _ = explain(folder, *options, "--force")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert again == out
    with np.load(tmp_path / "explanations.npz") as archive:
        assert set(METHODS) <= set(archive.files)


def test_a_target_is_a_class_by_name_or_number(folder: Path, tmp_path: Path):
    scores = {}
    for target in ("left", "right", "1"):
        out, _ = explain(folder, "--method", "gradient", "--target", target, "--out", tmp_path / target)
        scores[target] = next(line.split() for line in out.splitlines() if line.strip().startswith("$face"))[3:]
    assert scores["left"][0] == "left"
    assert scores["1"] == scores["right"]
    assert scores["1"] != scores["left"]


def test_scores_stand_beside_random_orders(folder: Path, tmp_path: Path):
    out, _ = explain(folder, "--method", "occlusion,gradient", "--score", "--out", tmp_path)
    assert "10 of 64 regions" not in out
    assert "regions of 2x2 pixels become grey" in out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip().startswith(("occl", "grad"))}
    assert rows["occlusion"][1] == rows["gradient"][1]
    assert float(rows["occlusion"][0]) > float(rows["occlusion"][1])


def test_the_score_is_followed_down_through_the_layers(folder: Path, tmp_path: Path):
    out, _ = explain(
        folder, folder / "right" / "$face.png", "--method", "occlusion,lrp-0,lrp-z-b", "--layers", "--out", tmp_path
    )
    named = [line for line in out.splitlines() if "on its way to the pixels" in line]
    assert [line.rpartition(" ")[2] for line in named] == ["lrp-0", "lrp-0", "lrp-z-b", "lrp-z-b"]
    score = named[0].split("the score ")[1].split()[0]
    rows = [line.split() for line in out.splitlines() if line.strip().startswith(("fc ", "conv1 "))]
    assert [row[0] for row in rows] == ["fc", "conv1"] * 4
    assert float(rows[0][2].replace("−", "-")) == pytest.approx(float(score), abs=0.01)
    assert rows[5][:2] == ["conv1", "z-B"]
    for method in ("lrp-0", "lrp-z-b"):
        for stem in ("face", "face-2"):
            assert str(tmp_path / f"{stem}-{method}-layers.png") in out.splitlines()
            assert (tmp_path / f"{stem}-{method}-layers.png").read_bytes().startswith(b"\x89PNG")


def test_by_default_explanations_go_into_the_run_and_are_replaced_with_it(folder: Path):
    explain(folder, "--method", "gradient")
    tinyconv("score", folder / "run", "--method", "gradient", "--images", 6)
    made = sorted(path.relative_to(folder / "run") for path in (folder / "run" / "explanations").rglob("*.*"))
    assert [str(path) for path in made] == [
        "explanations/face/explanations.npz",
        "explanations/face/face.png",
        "explanations/scores/scores.json",
        "explanations/scores/scores.png",
    ]
    from tinyconv.train import RunFolder

    assert {folder / "run" / path for path in made} <= set(RunFolder(folder / "run").files())


def test_methods_are_scored_in_a_table_and_what_is_there_is_kept(folder: Path, tmp_path: Path):
    arguments = ("score", folder / "run", "--images", 8, "--replace", "grey,noise", "--draws", 2, "--out", tmp_path)
    first = tinyconv(*arguments, "--method", "gradient")
    assert first.code == 0, first.stderr
    record = json.loads((tmp_path / "scores.json").read_text())
    assert record["subject"]["images"] == 8
    both = tinyconv(*arguments, "--method", "gradient,lrp-epsilon")
    assert "gradient:" not in both.stderr
    assert [line.split()[0] for line in both.stdout.splitlines() if "±" in line] == ["gradient", "lrp-epsilon"]
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")
    after = json.loads((tmp_path / "scores.json").read_text())
    assert after["methods"][0] == record["methods"][0]
    other = tinyconv(*arguments, "--seed", 3)
    assert other.code == 2
    assert "another seed" in other.stderr
    again = tinyconv(*arguments, "--method", "gradient", "--force")
    assert [row["method"] for row in json.loads((tmp_path / "scores.json").read_text())["methods"]] == ["gradient"]
    assert again.code == 0


def test_invariants_are_measured_and_a_failure_is_exit_code_1(folder: Path, monkeypatch: pytest.MonkeyPatch):
    outcome = tinyconv("verify", folder / "run", "--images", 2, "--json")
    assert outcome.code == 0, outcome.stdout
    rows = json.loads(outcome.stdout)
    assert len(rows) == len(CHECKS)
    assert {row["verdict"] for row in rows} <= {"pass", "n/a"}
    from tinyconv.explain.checks import Finding, verification

    findings = (lambda _: Finding("one", "first", 0.5, 0.1, "of it"), lambda _: Finding("two", "second", None, 0.0))
    monkeypatch.setattr(verification, "CHECKS", findings)
    failed = tinyconv("verify", folder / "run")
    assert failed.code == 1
    assert "FAIL" in failed.stdout
    assert "1 of 1 invariants FAIL on run, 4 images, in float64; 1 do not apply to this model" in failed.stdout
