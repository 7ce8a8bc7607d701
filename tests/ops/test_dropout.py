"""What dropout draws: how often, of what, by which seed, and what it leaves as it is."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn import functional as F

ALL = [F.dropout, F.dropout1d, F.dropout2d, F.alpha_dropout, F.feature_alpha_dropout]
OF_CHANNELS = [F.dropout1d, F.dropout2d, F.feature_alpha_dropout]


def images_of(function):
    return (32, 64, 12) if function is F.dropout1d else (32, 64, 3, 4)


def names(function):
    return function.__name__


@pytest.mark.parametrize("function", OF_CHANNELS, ids=names)
def test_a_channel_is_left_out_as_a_whole_and_each_with_probability_p(function):
    tc.manual_seed(0)
    x = tc.full(images_of(function), 3.0)
    y = function(x, 0.3, training=True).array.reshape(32, 64, -1)
    assert (y == y[:, :, :1]).all()
    dropped = y[:, :, 0] == y.min()
    assert len(np.unique(y)) == 2
    assert dropped.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / dropped.size))
    # Neither the images nor the channels share their draws.
    assert len(np.unique(dropped, axis=0)) > 1
    assert len(np.unique(dropped, axis=1).T) > 1


def test_one_sequence_without_a_batch_loses_whole_channels():
    tc.manual_seed(0)
    y = F.dropout1d(tc.ones(200, 5), 0.5).array
    assert (y == y[:, :1]).all()
    assert 60 < (y[:, 0] == 0).sum() < 140


@pytest.mark.parametrize("function", [F.dropout, F.dropout1d, F.dropout2d], ids=names)
def test_the_mean_stays(function):
    tc.manual_seed(1)
    y = function(tc.ones(*images_of(function)), 0.4).array
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.6], rtol=1e-6)
    assert y.mean() == pytest.approx(1.0, abs=0.08)


@pytest.mark.parametrize("function", [F.alpha_dropout, F.feature_alpha_dropout], ids=names)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_a_mean_of_zero_and_a_variance_of_one(function, p):
    tc.manual_seed(2)
    x = tc.tensor(np.random.default_rng(0).standard_normal((400, 400, 2)))
    y = function(x, p, training=True).array
    assert y.mean() == pytest.approx(0.0, abs=0.02)
    assert y.var() == pytest.approx(1.0, abs=0.03)


def test_alpha_dropout_sets_elements_to_what_the_formula_says():
    """a (x keep + s (1 - keep)) + b with the numbers of the paper, worked out here once more."""
    alpha, scale, p = 1.6732632423543772, 1.0507009873554805, 0.3
    s = -alpha * scale
    a = (1 - p + p * s**2 * (1 - p)) ** -0.5
    b = -a * p * s
    tc.manual_seed(3)
    x = tc.tensor(np.linspace(0.1, 1, 1000))
    y = F.alpha_dropout(x, p, training=True).array
    dropped = np.isclose(y, a * s + b, rtol=1e-12)
    assert 200 < dropped.sum() < 400
    np.testing.assert_allclose(y[~dropped], a * x.array[~dropped] + b, rtol=1e-12)


@pytest.mark.parametrize("function", ALL, ids=names)
def test_draws_follow_the_seed_and_not_the_number_of_threads(function):
    x = tc.ones(*images_of(function))
    before = tc.get_num_threads()
    results = []
    try:
        for threads in (1, before):
            tc.set_num_threads(threads)
            tc.manual_seed(7)
            results.append([function(x, 0.5, training=True).array for _ in range(2)])
    finally:
        tc.set_num_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0][0] != results[0][1]).any()


@pytest.mark.parametrize("function", ALL, ids=names)
def test_the_gradient_is_that_of_what_was_kept_and_in_place_gives_the_same(function):
    values = np.random.default_rng(0).uniform(1, 2, images_of(function)).astype(np.float32)
    results = []
    for inplace in (False, True):
        x = tc.tensor(values, requires_grad=True)
        tc.manual_seed(4)
        middle = x * 1
        y = function(middle, 0.5, training=True, inplace=inplace)
        assert (y is middle) == inplace
        y.sum().backward()
        results.append((y.array, x.grad.array))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    y, gradient = results[0]
    lowest = y == y.min()
    assert 0.4 < lowest.mean() < 0.6
    assert (gradient[lowest] == 0).all()
    assert len(np.unique(gradient[~lowest])) == 1


@pytest.mark.parametrize("function", ALL, ids=names)
def test_nothing_happens_when_evaluating_and_nothing_is_left_with_certainty(function):
    x = tc.ones(*images_of(function))
    assert function(x, 0.5, training=False) is x
    assert function(x, 0.0, training=True) is x
    assert not function(x, 1.0, training=True).array.any()


def test_infinity_left_out_is_nan_without_a_warning():
    dropped = F.dropout(tc.tensor([float("inf"), 1.0]), p=1.0)
    assert np.isnan(dropped[0].item())
    assert dropped[1].item() == 0


def test_three_dimensions_are_taken_for_a_batch_of_sequences_with_a_warning():
    tc.manual_seed(0)
    with pytest.warns(UserWarning, match=r"dropout2d: input \(4, 50, 3\) is taken for \(N, C, L\)"):
        y = F.dropout2d(tc.ones(4, 50, 3), 0.5).array
    assert (y == y[:, :, :1]).all()
    assert (y[0] != y[1]).any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.dropout1d(tc.ones(1, 2, 3, 4)), ShapeError, "dropout1d: input must be .N, C, L., or one sequence"),
        (
            lambda: F.dropout2d(tc.ones(3, 4)),
            ShapeError,
            "dropout2d: input must be images .N, C, H, W., got shape .3, 4",
        ),
        (
            lambda: F.feature_alpha_dropout(tc.ones(3)),
            ShapeError,
            "feature_alpha_dropout: input must be .N, C, ...., got",
        ),
        (
            lambda: F.alpha_dropout(tc.ones(3), 2),
            ArgumentError,
            r"alpha_dropout: p is a probability in \[0, 1\], got 2",
        ),
    ],
)
def test_wrong_shapes_and_probabilities_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
