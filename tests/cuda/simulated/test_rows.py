"""Normalisation of rows on a GPU against its definition."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from on_device import run

from tinyconv.backends import cuda, reference


def normal(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=2)
@given(
    length=st.sampled_from([1, 2, 3, 9]),
    size=st.sampled_from([1, 2, 7, 16, 33]),
    affine=st.booleans(),
    centred=st.booleans(),
    seed=st.integers(0, 99),
)
@example(length=9, size=8, affine=True, centred=True, seed=1)
@example(length=3, size=5, affine=True, centred=False, seed=1)
@example(length=1, size=300, affine=True, centred=True, seed=1)
def test_normalised_rows_and_their_gradient_equal_the_definition(dtype, length, size, affine, centred, seed):
    tolerance = 2e-5 if dtype == np.float32 else 1e-10
    x, dy = normal((length, size), dtype, seed) + dtype(3), normal((length, size), dtype, seed + 1)
    weight, bias = normal((2, size), dtype, seed) if affine else (None, None)
    result = run(cuda.row_norm, x, weight, bias, 0.1, centred)
    for ours, expected in zip(result, reference.row_norm(x, weight, bias, 0.1, centred), strict=True):
        assert ours.dtype == expected.dtype
        np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)
    arguments = (dy, x, *result[1:], weight, centred)
    sums = np.abs(dy).sum(axis=0).max()  # what the gradients of weight and bias are sums of
    expected = reference.row_norm_gradient(*arguments)
    for ours, other in zip(run(cuda.row_norm_gradient, *arguments), expected, strict=True):
        assert ours.dtype == other.dtype
        np.testing.assert_allclose(ours, other, rtol=tolerance, atol=tolerance * (1 + sums))


@pytest.mark.parametrize("mean", [0, 1000, 1e6])
def test_the_statistics_of_long_rows_of_float32_are_exact_to_a_millionth(mean):
    """Whatever the mean: deviations are taken from the row's first number. The rows step up, so that parts differ."""
    x = normal((2, 2001), np.float32, 0) + np.float32(mean)
    x[1, 1500:] += 100
    exact = x.astype(np.float64)
    _, found, inverse_std = run(cuda.row_norm, x, None, None, 0.0, True)
    np.testing.assert_allclose(found, exact.mean(axis=1), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(inverse_std, 1 / exact.std(axis=1), rtol=1e-6)
    _, _, inverse_root = run(cuda.row_norm, x, None, None, 0.0, False)
    np.testing.assert_allclose(inverse_root, 1 / np.sqrt((exact**2).mean(axis=1)), rtol=1e-6)


def test_a_nan_spoils_its_own_row_only_and_an_infinity_too():
    x = normal((4, 12), np.float32, 0)
    x[1, 5] = np.nan
    x[2, 0] = np.inf
    y, mean, _ = run(cuda.row_norm, x, None, None, 1e-5, True)
    assert np.isnan(y).any(axis=1).tolist() == [False, True, True, False]
    assert np.isinf(mean[2])


def test_an_empty_batch_normalises_to_an_empty_batch():
    rows = np.empty((0, 4), np.float32)
    y, mean, inverse_std = run(cuda.row_norm, rows, None, None, 1e-5, True)
    assert y.shape == (0, 4)
    gradients = run(cuda.row_norm_gradient, rows, rows, mean, inverse_std, None, True)
    assert [gradient.tolist() for gradient in gradients] == [[], [0.0] * 4, [0.0] * 4]
