"""Maps beside chance: what is known to be right beats random orders, noise does not, and the reverse loses."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.scoring import MapScore, PerturbationTrial


@pytest.fixture(scope="module")
def trial():
    tc.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).double().eval()
    images = np.random.default_rng(0).random((30, 1, 8, 8))
    return PerturbationTrial(model, images, np.arange(30) % 3, side=2, steps=8, draws=3, noise=(0.0, 1.0))


@pytest.fixture(scope="module")
def random(trial):
    return trial.random_curves().aopc


def contributions(trial):
    weights = trial.model[1].weight.detach().numpy()[trial.targets].reshape(30, 8, 8)
    return weights * (trial.images[:, 0] - 0.5)


def test_the_true_contributions_beat_random_orders_and_their_opposite_loses(trial, random):
    true = trial.score("true", contributions(trial), random)
    assert true.p_value < 1e-6
    assert true.share_better == 1
    opposite = trial.score("opposite", -contributions(trial), random)
    assert opposite.share_better == 0
    assert opposite.p_value > 0.99
    least_first = trial.curves(-contributions(trial), "lerf")
    assert (least_first.aopc > true.random).all(), "least relevant first of the opposite is the true order"


def test_noise_is_no_better_than_chance(trial, random):
    noise = np.random.default_rng(5)
    scores = [trial.score("noise", noise.normal(size=(30, 8, 8)), random) for _ in range(20)]
    assert 0.3 < np.mean([score.p_value for score in scores]) < 0.7
    differences = [score.mean - score.random.mean() for score in scores]
    assert abs(np.mean(differences)) < 3 * np.std(differences) / 20**0.5


def test_a_score_is_the_same_again_and_its_figures_are_those_of_its_curve(trial, random):
    heat = contributions(trial)
    first, second = trial.score("true", heat, random), trial.score("true", heat, trial.random_curves().aopc)
    assert (first.aopc == second.aopc).all()
    assert first.curve.shape == (9,)
    assert first.curve[0] == 0
    assert first.mean == pytest.approx(first.curve.mean(), rel=1e-12)
    record = first.to_json()
    assert record["method"] == "true"
    assert record["aopc"] == first.mean
    assert record["curve"] == first.curve.tolist()


def test_a_few_images_give_no_probability_and_equal_maps_are_certainly_no_better():
    few = MapScore("few", np.ones(5), np.zeros(5), np.zeros(2))
    assert np.isnan(few.p_value)
    assert few.to_json()["p_value"] is None
    assert MapScore("equal", np.ones(9), np.ones(9), np.zeros(2)).p_value == 1
    assert MapScore("single", np.ones(1), np.zeros(1), np.zeros(2)).to_json()["standard_error"] is None


def test_images_and_targets_must_belong_together(trial):
    with pytest.raises(ArgumentError, match=r"\(30, 1, 8, 8\) and \(2,\)"):
        PerturbationTrial(trial.model, trial.images, [0, 1])
