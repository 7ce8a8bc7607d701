"""The randomisation check tells maps that follow the weights from those that follow the image."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.scoring import Randomisation, randomisation_check


@pytest.fixture
def model():
    tc.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 16), nn.ReLU(),
        nn.Linear(16, 3),
    ).double()  # fmt: skip


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(6, 1, 8, 8))


def gradient(model, images):
    inputs = tc.tensor(images, requires_grad=True)
    model(inputs)[:, 0].sum().backward()
    return inputs.grad.numpy().sum(axis=1)


def test_layers_are_shuffled_from_the_output_down_and_the_model_stays_as_it_is(model, images):
    before = {name: values.numpy().copy() for name, values in model.state_dict().items()}
    seen = []

    def explain(model):
        seen.append({name: values.numpy().copy() for name, values in model.state_dict().items()})
        return images[:, 0]

    check = randomisation_check(explain, model)
    assert check.layers == ("6", "4", "1", "0")
    for number, state in enumerate(seen):
        shuffled = check.layers[:number]
        for name, values in state.items():
            if "running" in name or "num_batches" in name or name.partition(".")[0] not in shuffled:
                assert (values == before[name]).all()
            else:
                assert (np.sort(values.ravel()) == np.sort(before[name].ravel())).all()
                assert name.startswith("1.") or (values != before[name]).any()  # equal values of a fresh norm
    assert all((model.state_dict()[name].numpy() == values).all() for name, values in before.items())


def test_the_gradient_changes_and_what_only_looks_at_the_image_is_called_insensitive(model, images):
    follows = randomisation_check(lambda model: gradient(model, images), model)
    assert abs(follows.upper) < 0.3
    assert not follows.insensitive
    ignores = randomisation_check(lambda model: np.abs(np.diff(images[:, 0], append=0)), model)
    np.testing.assert_allclose(ignores.means, 1, atol=1e-12)
    assert ignores.insensitive


def test_the_correlation_is_that_of_ranks_of_magnitudes_and_0_for_a_constant_map(model, images):
    from scipy.stats import spearmanr

    maps = iter([images[:, 0], -np.exp(images[:, 0]), np.zeros((6, 8, 8)), images[::-1, 0], images[:, 0]])
    check = randomisation_check(lambda _: next(maps), model)
    expected = [spearmanr(np.abs(image).ravel(), np.exp(image).ravel()).statistic for image in images]
    np.testing.assert_allclose(check.correlations[0], expected, atol=1e-12)
    assert (check.correlations[1] == 0).all()
    np.testing.assert_allclose(check.correlations[3], 1, atol=1e-12)


def test_the_verdict_is_that_of_the_upper_half_of_the_layers():
    assert Randomisation(("a", "b", "c"), np.array([[0.2], [0.6], [0.1]])).insensitive
    assert not Randomisation(("a", "b", "c"), np.array([[0.9], [0.4], [0.9]])).insensitive
    assert Randomisation(("a",), np.array([[0.7]])).upper == 0.7
    assert Randomisation(("a", "b", "c", "d"), np.array([[0.4], [0.3], [0.2], [0.1]])).upper == 0.3


def test_the_same_seed_shuffles_alike_and_another_one_otherwise(model, images):
    first, second, other = (
        randomisation_check(lambda model: gradient(model, images), model, seed=seed).correlations for seed in (0, 0, 1)
    )
    assert (first == second).all()
    assert (first != other).any()


def test_a_model_without_parameters_cannot_be_shuffled(images):
    with pytest.raises(ArgumentError, match="no parameters"):
        randomisation_check(lambda _: images[:, 0], nn.ReLU())
