"""Batch normalisation and channel sums on the processor against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.core import layout

shapes = st.tuples(st.integers(1, 3), st.sampled_from([1, 3, 16, 17]), st.integers(1, 6), st.integers(1, 6))


def normal(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=25)
@given(shape=shapes, affine=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_normalisation_and_its_gradient_equal_the_definition(dtype, shape, affine, seed):
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    x, dy = normal(shape, dtype, seed), normal(shape, dtype, seed + 1)
    weight, bias = normal((2, shape[1]), dtype, seed) if affine else (None, None)
    mean, variance = cpu.batch_norm_statistics(x)
    inverse_std = (1 / np.sqrt(variance + 1e-2)).astype(dtype)
    pairs = [
        ((mean, variance), reference.batch_norm_statistics(x)),
        (
            (cpu.batch_norm(x, mean, inverse_std, weight, bias),),
            (reference.batch_norm(x, mean, inverse_std, weight, bias),),
        ),
        (
            cpu.batch_norm_gradient(dy, x, mean, inverse_std, weight),
            reference.batch_norm_gradient(dy, x, mean, inverse_std, weight),
        ),
        ((cpu.channel_sum(x),), (reference.channel_sum(x),)),
    ]
    for ours, expected in pairs:
        for one, other in zip(ours, expected, strict=True):
            assert one.dtype == dtype
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_the_variance_survives_a_mean_a_thousand_times_larger():
    """E[x^2] - E[x]^2 in float32 would be all noise here; so would plain float32 sums over a million numbers."""
    x = layout.copy(normal((64, 3, 128, 128), np.float32, 0) + np.float32(1000))
    mean, variance = cpu.batch_norm_statistics(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(cpu.channel_sum(x), exact.sum(axis=(0, 2, 3)), rtol=1e-6)


def test_a_constant_channel_has_no_variance():
    _, variance = cpu.batch_norm_statistics(np.full((4, 2, 50, 50), 0.1, np.float32))
    assert (variance < 1e-30).all()


def test_a_nan_spoils_its_own_channel_only():
    x = normal((2, 3, 4, 4), np.float32, 0)
    x[1, 1, 2, 3] = np.nan
    mean, variance = cpu.batch_norm_statistics(x)
    assert np.isnan(mean).tolist() == np.isnan(variance).tolist() == [False, True, False]
    assert np.isnan(cpu.channel_sum(x)).tolist() == [False, True, False]


def test_the_number_of_threads_does_not_change_a_bit(threads):
    x, dy = normal((5, 19, 33, 31), np.float32, 0), normal((5, 19, 33, 31), np.float32, 1)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        mean, variance = cpu.batch_norm_statistics(x)
        gradients = cpu.batch_norm_gradient(dy, x, mean, variance, None)
        results.append((mean, variance, *gradients, cpu.channel_sum(dy)))
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_an_empty_batch_normalises_to_an_empty_batch():
    x = np.empty((0, 3, 4, 4), np.float32)
    ones = np.ones(3, np.float32)
    assert cpu.batch_norm(x, ones, ones, None, None).shape == x.shape
    dx, dweight, dbias = cpu.batch_norm_gradient(x, x, ones, ones, None)
    assert dx.shape == x.shape
    assert not dweight.any()
    assert not dbias.any()
    assert not cpu.channel_sum(x).any()


@pytest.mark.parametrize("shape", [(2, 40_000, 1, 1), (1, 20_000, 1, 2), (8, 262_144, 1, 1)])
def test_many_channels_of_few_numbers_normalise(shape):
    x, dy = normal(shape, np.float32, 0), normal(shape, np.float32, 1)
    mean, variance = cpu.batch_norm_statistics(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(cpu.channel_sum(x), exact.sum(axis=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    ones = np.ones(shape[1], np.float32)
    for gradient in cpu.batch_norm_gradient(dy, x, mean, ones, None):
        assert np.isfinite(gradient).all()


def test_sums_too_large_for_float32_are_infinite_without_a_warning():
    x = np.full((4, 2, 8, 8), 3e38, np.float32)
    x[0] *= -1
    ones = np.ones(2, np.float32)
    assert np.isinf(cpu.batch_norm_statistics(x)[1]).all()
    assert np.isinf(cpu.channel_sum(x)).all()
    assert np.isinf(cpu.batch_norm_gradient(x, x, 0 * ones, ones, None)[1]).all()
    infinite = np.full((4, 2, 8, 8), np.inf, np.float32)
    assert np.isnan(cpu.batch_norm_statistics(infinite)[1]).all()
    assert np.isinf(cpu.batch_norm(x, 0 * ones, 3e38 * ones, 3e38 * ones, None)).all()


def test_no_channels_have_no_sums():
    assert cpu.channel_sum(np.empty((5, 0, 1, 1), np.float32)).shape == (0,)
