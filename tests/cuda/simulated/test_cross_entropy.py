"""Softmax and cross entropy on a GPU against their definition."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from on_device import run

from tinyconv.backends import cuda, reference

TOLERANCE = {np.float32: {"rtol": 3e-6, "atol": 2e-6}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}


def case(rows, classes, dtype, seed, smoothing, scale=10.0):
    generator = np.random.default_rng(seed)
    x = (scale * generator.standard_normal((rows, classes))).astype(dtype)
    targets = generator.integers(0, classes, rows)
    weights = generator.uniform(0, 2, classes).astype(dtype)
    weights[::3] = 0
    counted = generator.random(rows) < 0.8
    own = (counted * (1 - smoothing) * weights[targets]).astype(dtype)
    return x, targets, own, (counted * smoothing / classes).astype(dtype), weights


def both(x, *targets):
    weight = np.linspace(-1, 2, len(x)).astype(x.dtype)
    losses, *saved = run(cuda.cross_entropy, x, *targets)
    yield losses, run(cuda.cross_entropy_gradient, weight, x, *targets, *saved)
    losses, *saved = reference.cross_entropy(x, *targets)
    yield losses, reference.cross_entropy_gradient(weight, x, *targets, *saved)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=12)
@given(
    rows=st.integers(0, 20),
    classes=st.integers(1, 40),
    seed=st.integers(0, 99),
    smoothing=st.sampled_from([0.0, 0.3, 1.0]),
    scale=st.sampled_from([0.1, 10.0, 300.0]),
)
@example(rows=9, classes=35, seed=0, smoothing=0.3, scale=10.0)
def test_losses_and_gradients_equal_the_definition(dtype, rows, classes, seed, smoothing, scale):
    (losses, dx), (expected, slopes) = both(*case(rows, classes, dtype, seed, smoothing, scale))
    tolerance = {name: value * max(scale, 1) for name, value in TOLERANCE[dtype].items()}  # a score's last digit
    np.testing.assert_allclose(losses, expected, **tolerance)
    np.testing.assert_allclose(dx, slopes, **tolerance)
    assert losses.dtype == dx.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinity_and_nan_are_where_the_definition_has_them(dtype):
    x, targets, own, share, weights = case(7, 5, dtype, 0, 0.0)
    targets[:] = 1
    own[:] = 1
    x[0, 0] = -math.inf
    x[1, 1] = -math.inf
    x[2, 3] = math.inf
    x[3, 2] = math.nan
    x[4, 2] = -math.nan
    x[5] = -math.inf
    x[6, 1], own[6] = -math.inf, 0  # does not count, whatever its score
    with np.errstate(all="ignore"):
        (losses, dx), (expected, slopes) = both(x, targets, own, share, weights)
    np.testing.assert_allclose(losses, expected, **TOLERANCE[dtype])
    np.testing.assert_allclose(dx, slopes, **TOLERANCE[dtype])
