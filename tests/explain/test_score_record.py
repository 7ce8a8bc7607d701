"""Scores of methods, method by method: what is measured, what is kept, and what is refused."""

import json

import numpy as np
import pytest
from explained import images, plain

from tinyconv import nn
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.explain import METHODS, attribute
from tinyconv.explain.scoring import PerturbationTrial, ScoreRecord, relevance, score_methods, write_scores_png


@pytest.fixture
def trials():
    model = plain(widths=(3,), side=8).float()
    pictures = images(7, 1, 8, 8).astype(np.float32)
    options = {"side": 2, "steps": 4}
    return {
        "grey": PerturbationTrial(model, pictures, [1] * 7, fill=0.0, **options),
        "noise": PerturbationTrial(model, pictures, [1] * 7, draws=3, **options),
    }


def test_a_method_is_scored_in_every_trial_by_its_own_map(trials):
    random = {name: trial.random_curves().aopc for name, trial in trials.items()}
    found = dict(score_methods(trials, ["lrp-epsilon"], random))["lrp-epsilon"]
    heat = attribute(trials["grey"].model, trials["grey"].images, "lrp-epsilon", [1] * 7).heat()
    for name, trial in trials.items():
        assert (found.scores[name].aopc == trial.curves(heat).aopc).all()
        assert (found.scores[name].random == random[name]).all()
    assert found.randomisation.layers == ("5", "1", "0")
    assert found.to_json()["noise"]["aopc"] == found.scores["noise"].mean


def test_a_method_is_told_its_options(trials):
    random = {name: trial.random_curves().aopc for name, trial in trials.items()}
    found = dict(score_methods(trials, ["lrp-z-b"], random, {"lrp-z-b": {"low": -9.0, "high": 9.0}}))["lrp-z-b"]
    heat = attribute(trials["grey"].model, trials["grey"].images, "lrp-z-b", [1] * 7, low=-9.0, high=9.0).heat()
    assert (found.scores["grey"].aopc == trials["grey"].curves(heat).aopc).all()


def test_where_the_sign_is_a_direction_magnitudes_are_relevant(trials):
    model, pictures = trials["grey"].model, trials["grey"].images
    for name in METHODS:
        attribution = attribute(model, pictures[:1], name, 1)
        signed = name in ("input-x-gradient", "integrated-gradients", "hires-cam", "occlusion") or "lrp" in name
        if signed:
            assert (relevance(attribution) == attribution.heat()).all()
        else:
            assert (relevance(attribution) >= 0).all()


def test_a_method_that_cannot_explain_the_network_says_why(trials):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    trial = PerturbationTrial(model, trials["grey"].images, [0] * 7, fill=0.0, side=2)
    found = dict(score_methods({"grey": trial}, ["grad-cam"], {"grey": trial.random_curves().aopc}))
    assert "no layer with maps" in found["grad-cam"]
    with pytest.raises(ArgumentError, match="'grad'"):
        score_methods({"grey": trial}, ["grad"], {})


def test_what_is_in_the_file_is_not_measured_again_and_the_rest_is_added(trials, tmp_path):
    path = tmp_path / "deep" / "scores.json"
    first = ScoreRecord(path, {"run": "a", "sizes": (1, 2)})
    assert [name for name, _ in first.add(trials, ["gradient"])] == ["gradient"]
    before = json.loads(path.read_text())
    again = ScoreRecord(path, {"run": "a", "sizes": (1, 2)})
    assert [name for name, _ in again.add(trials, ["gradient", "grad-cam"])] == ["grad-cam"]
    after = json.loads(path.read_text())
    assert after["random"] == before["random"]
    assert after["methods"][0] == before["methods"][0]
    assert [row["method"] for row in after["methods"]] == ["gradient", "grad-cam"]
    assert len(after["random"]["grey"]["aopc"]) == 7


def test_scores_of_another_subject_and_other_files_are_refused(trials, tmp_path):
    path = tmp_path / "scores.json"
    list(ScoreRecord(path, {"run": "a", "seed": 0}).add(trials, []))
    with pytest.raises(RunError, match=r"another seed: 0, and now it is 1.*--force"):
        ScoreRecord(path, {"run": "a", "seed": 1})
    for content in ('{"format": "other"}', "[]", "no json"):
        path.write_text(content)
        with pytest.raises(RunError, match="no scores"):
            ScoreRecord(path, {"run": "a", "seed": 0})


def test_the_picture_is_the_same_again(trials, tmp_path):
    record = ScoreRecord(tmp_path / "scores.json", {"run": "$a", "epoch": 1, "images": 7, "answer": "logit"})
    list(record.add(trials, ["gradient", "occlusion"]))
    first = write_scores_png(tmp_path / "first.png", record).read_bytes()
    assert write_scores_png(tmp_path / "second.png", record).read_bytes() == first
    assert first.startswith(b"\x89PNG")
