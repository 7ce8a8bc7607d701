"""Inversion: its energy term by term, and what it brings back from each layer of a small network."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.running import at_rest, logits_of
from tinyconv.explain.synthesis import invert
from tinyconv.explain.synthesis.inversion import Energy, Weights
from tinyconv.explain.synthesis.priors import total_variation
from tinyconv.features import capture

SIDE = 32


@pytest.fixture(scope="module")
def model():
    tc.manual_seed(3)
    layers = []
    for before, after in ((1, 8), (8, 12), (12, 16)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 4)).to(tc.float64)


@pytest.fixture(scope="module")
def image():
    """Smooth blobs, standardised."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    picture = np.exp(-((rows - 10) ** 2 + (columns - 12) ** 2) / 40) - np.exp(
        -((rows - 22) ** 2 + (columns - 20) ** 2) / 25
    )
    return ((picture - picture.mean()) / picture.std())[None]


def goal_of(model, image, layer):
    with capture(model, layer) as activations:
        model(tc.tensor(image[None]))
    return activations[layer]


@pytest.mark.parametrize("term", ["features", "total variation", "alpha-norm"])
def test_the_gradient_of_each_term_is_that_of_finite_differences(model, image, term):
    weights = {
        "features": Weights(0.0, alpha_norm=0.0),
        "total variation": Weights(5.0, beta=1.5, alpha_norm=0.0),
        "alpha-norm": Weights(0.0, alpha_norm=1e-4),
    }[term]
    random = np.random.default_rng(0)
    energy = Energy(model, "relu2", goal_of(model, image, "relu2"), weights, norm=20.0, levels=50.0)
    x, direction = random.standard_normal((2, 2, 1, SIDE, SIDE))
    with at_rest(model):
        terms, gradient = energy(x)
        if term == "features":
            feature_gradient = 0
        else:
            feature_gradient = energy.features(x)[1]
        number = ["features", "total variation", "alpha-norm"].index(term)
        ahead, behind = (energy(x + sign * 1e-5 * direction)[0][number] for sign in (1, -1))
    slope = ((gradient - feature_gradient) * direction).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-5, rtol=1e-6)
    assert (terms[number] > 0).all()
    assert not terms[[other for other in (1, 2) if other != number]].any()


def test_the_terms_are_those_of_the_formula(model, image):
    goal = goal_of(model, image, "conv2")
    x = np.random.default_rng(1).standard_normal((1, 1, SIDE, SIDE))
    with at_rest(model):
        terms = Energy(model, "conv2", goal, Weights(7.0), norm=20.0, levels=50.0)(x)[0][:, 0]
    features = goal_of(model, x[0], "conv2")
    levels = 50 * x
    expected = [
        ((features - goal) ** 2).sum() / (goal**2).sum(),
        7 / 2 * total_variation(levels)[0][0] / (20 * 50) ** 2,
        8e-10 / 2 * (levels**6).sum() / (20 * 50) ** 2,
    ]
    np.testing.assert_allclose(terms, expected, rtol=1e-10)


def test_the_first_layer_gives_nearly_everything_back(model, image):
    found = invert(model, image, "conv1", repeats=2, rates=((0.004, 80), (0.0004, 20)))
    assert (found.errors <= 0.05).all(), found.errors
    assert np.corrcoef(found.images[found.best].ravel(), image.ravel())[0, 1] > 0.98


def test_the_error_rises_with_the_weight_of_total_variation(model, image):
    rates = ((0.004, 60), (0.0004, 60))
    found = [invert(model, image, "conv2", tv_weight=w, rates=rates, repeats=1) for w in (0.1, 1.0, 10.0, 100.0)]
    errors = [one.errors[0] for one in found]
    assert errors == sorted(errors), errors
    assert errors[-1] > 5 * errors[0]
    roughness = [total_variation(one.images)[0][0] for one in found]
    assert roughness == sorted(roughness, reverse=True)


def test_the_deeper_the_layer_the_less_of_the_pixels_comes_back(model, image):
    layers = ("conv1", "pool1", "pool2", "pool3", "linear1")
    rates = ((0.004, 60), (0.0004, 60))
    errors = [invert(model, image, layer, repeats=1, rates=rates).pixel_error() for layer in layers]
    assert errors == sorted(errors), errors
    assert errors[-1] > 10 * errors[0]


def test_scores_are_inverted_too_and_the_model_cannot_tell(model, image):
    found = invert(model, image, None, repeats=1, rates=((0.004, 60), (0.0004, 30)))
    np.testing.assert_allclose(logits_of(model, found.images)[found.best], logits_of(model, image[None])[0], atol=0.05)
    assert found.depth == 1.0


def test_the_energy_at_the_end_is_the_least_on_the_way(model, image):
    found = invert(model, image, "pool2", repeats=3, rates=((0.004, 20), (0.0004, 10)))
    assert found.history.shape == (32, 3, 3)
    assert (found.history[-1].sum(axis=0) <= found.history.sum(axis=1).min(axis=0) + 1e-12).all()
    np.testing.assert_array_equal(found.errors, found.history[-1, 0])
    assert found.best == found.history[-1].sum(axis=0).argmin()


def test_a_rate_far_too_high_is_halved_until_it_is_not(model, image):
    found = invert(model, image, "conv2", repeats=1, rates=((4.0, 80),))
    assert np.isfinite(found.history).all()
    assert found.errors[0] < 0.5 * found.history[0, 0, 0]


def test_the_same_seed_gives_the_same_bits(model, image):
    first, again, other = (
        invert(model, image, "pool1", repeats=2, seed=seed, rates=((0.004, 3),)) for seed in (1, 1, 2)
    )
    assert first.images.tobytes() == again.images.tobytes()
    assert not np.array_equal(first.images, other.images)


def test_mistakes_are_named(model, image):
    with pytest.raises(ArgumentError, match="no layer matches 'conf1'"):
        invert(model, image, "conf1")
    with pytest.raises(ShapeError, match=r"\(1, 1, 32, 32\)"):
        invert(model, image[None], "conv1")
    with pytest.raises(ArgumentError, match="at least 1 repeat"):
        invert(model, image, "conv1", repeats=0)
    dark = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU())
    with pytest.raises(ArgumentError, match="relu1 is 0 everywhere"):
        invert(dark, np.zeros((1, 4, 4), np.float32), "relu1")
