"""Normalisation by channel and by row, and channel sums, on the processor against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.core import layout

shapes = st.tuples(st.integers(1, 3), st.sampled_from([1, 3, 16, 17]), st.integers(1, 6), st.integers(1, 6))
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def normal(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(ours, expected, tolerance):
    for one, other in zip(ours, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@dtypes
@settings(max_examples=25)
@given(shape=shapes, per_image=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_every_pass_over_channels_equals_its_definition(dtype, shape, per_image, seed):
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    x, dy = normal(shape, dtype, seed), normal(shape, dtype, seed + 1)
    sets = shape[0] if per_image else 1
    mean, scale, other, shift = normal((4, sets, shape[1]), np.float64, seed + 2)
    for name, arguments in (
        ("channel_moments", (x, sets)),
        ("channel_products", (dy, x, mean)),
    ):
        assert_close(getattr(cpu, name)(*arguments), getattr(reference, name)(*arguments), 10 * tolerance)
    for name, arguments in (
        ("channel_affine", (x, mean, scale, shift)),
        ("channel_combination", (dy, x, mean, scale, other, shift)),
    ):
        result = getattr(cpu, name)(*arguments)
        assert layout.is_engine_order(result)
        assert_close((result,), (getattr(reference, name)(*arguments),), tolerance)
    assert_close((cpu.channel_sum(x),), (reference.channel_sum(x),), 10 * tolerance)


@dtypes
@settings(max_examples=40)
@given(
    length=st.sampled_from([1, 2, 3, 9, 70, 140]),
    size=st.sampled_from([1, 2, 7, 16, 33, 1100]),
    affine=st.booleans(),
    centred=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_normalised_rows_and_their_gradient_equal_the_definition(dtype, length, size, affine, centred, seed):
    """Rows shorter and longer than a block of sums, fewer and more than a group of them."""
    length = min(length, max(1, 4000 // size))  # the definition is slow
    tolerance = 2e-5 if dtype == np.float32 else 1e-10
    x, dy = normal((length, size), dtype, seed) + dtype(3), normal((length, size), dtype, seed + 1)
    weight, bias = normal((2, size), dtype, seed) if affine else (None, None)
    result = cpu.row_norm(x, weight, bias, 0.1, centred)
    assert_close(result, reference.row_norm(x, weight, bias, 0.1, centred), tolerance)
    arguments = (dy, x, *result[1:], weight, centred)
    sums = np.abs(dy).sum(axis=0).max()  # what the gradients of weight and bias are sums of
    expected = reference.row_norm_gradient(*arguments)
    for ours, other in zip(cpu.row_norm_gradient(*arguments), expected, strict=True):
        assert ours.dtype == other.dtype
        np.testing.assert_allclose(ours, other, rtol=tolerance, atol=tolerance * (1 + sums))


@pytest.mark.parametrize("mean", [0, 1000, 1e6])
def test_the_statistics_of_long_rows_of_float32_are_exact_to_a_millionth(mean):
    """Whatever the mean: deviations are taken from the mean of a block. The rows step up, so that blocks differ."""
    x = normal((3, 70_001), np.float32, 0) + np.float32(mean)
    x[1, 20_000:] += 100
    exact = x.astype(np.float64)
    _, found, inverse_std = cpu.row_norm(x, None, None, 0.0, True)
    np.testing.assert_allclose(found, exact.mean(axis=1), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(inverse_std, 1 / exact.std(axis=1), rtol=1e-6)
    _, _, inverse_root = cpu.row_norm(x, None, None, 0.0, False)
    np.testing.assert_allclose(inverse_root, 1 / np.sqrt((exact**2).mean(axis=1)), rtol=1e-6)


def test_the_gradients_of_weight_and_bias_are_exact_over_many_rows():
    """Sums over more rows than float32 could add up one by one."""
    x = normal((100_000, 3), np.float32, 0)
    dy = np.abs(normal(x.shape, np.float32, 1))
    _, mean, inverse_std = cpu.row_norm(x, None, None, 0.1, True)
    _, dweight, dbias = cpu.row_norm_gradient(dy, x, mean, inverse_std, None, True)
    np.testing.assert_allclose(dbias, dy.astype(np.float64).sum(axis=0), rtol=2e-7)
    terms = dy * ((x - mean[:, None]) * inverse_std[:, None])
    np.testing.assert_allclose(dweight, terms.sum(axis=0), rtol=1e-5, atol=1e-6 * np.abs(terms).sum(axis=0).max())


def test_the_variance_survives_a_mean_a_thousand_times_larger():
    """E[x^2] - E[x]^2 in float32 would be all noise here; so would plain float32 sums over a million numbers."""
    x = layout.copy(normal((64, 3, 128, 128), np.float32, 0) + np.float32(1000))
    mean, variance = cpu.channel_moments(x, 1)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean[0], exact.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(variance[0], exact.var(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(cpu.channel_sum(x), exact.sum(axis=(0, 2, 3)), rtol=1e-6)


def test_what_rounding_a_mean_loses_comes_back():
    """A mean of a million and a hundredth is a million in float32; the difference is all that there is of x - mean."""
    x = np.full((1, 1, 4, 4), 1e6, np.float32)
    mean, one, zero = np.full((1, 1), 1e6 + 0.01), np.ones((1, 1)), np.zeros((1, 1))
    np.testing.assert_allclose(cpu.channel_affine(x, mean, one, zero), -0.01, rtol=1e-6)
    _, products = cpu.channel_products(np.ones_like(x), x, mean)
    np.testing.assert_allclose(products, -0.16, rtol=1e-6)
    np.testing.assert_allclose(cpu.channel_combination(x, x, mean, zero, one, zero), -0.01, rtol=1e-6)


def test_sets_of_images_do_not_mix():
    """Pieces end where a set does: for image sizes that no number of pieces divides, too."""
    x = layout.copy(normal((7, 5, 61, 67), np.float32, 0) * np.arange(1, 8, dtype=np.float32)[:, None, None, None])
    mean, variance = cpu.channel_moments(x, 7)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(2, 3)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(variance, exact.var(axis=(2, 3)), rtol=1e-12)
    zero = np.zeros((7, 5))
    scale = np.arange(35.0).reshape(7, 5)
    np.testing.assert_array_equal(
        cpu.channel_affine(x, zero, scale, zero), x * scale[:, :, None, None].astype(np.float32)
    )


def test_a_constant_channel_has_no_variance():
    _, variance = cpu.channel_moments(np.full((4, 2, 50, 50), 0.1, np.float32), 1)
    assert (variance < 1e-30).all()


def test_a_nan_spoils_its_own_channel_and_set_only():
    x = normal((2, 3, 4, 4), np.float32, 0)
    x[1, 1, 2, 3] = np.nan
    mean, variance = cpu.channel_moments(x, 1)
    assert np.isnan(mean).tolist() == np.isnan(variance).tolist() == [[False, True, False]]
    mean, _ = cpu.channel_moments(x, 2)
    assert np.isnan(mean).tolist() == [[False, False, False], [False, True, False]]
    assert np.isnan(cpu.channel_sum(x)).tolist() == [False, True, False]
    rows = cpu.row_norm(x.reshape(6, 16), None, None, 1e-5, True)[0]
    assert np.isnan(rows).any(axis=1).tolist() == [False] * 4 + [True, False]


def test_the_number_of_threads_does_not_change_a_bit(threads):
    x, dy = normal((5, 19, 33, 31), np.float32, 0), normal((5, 19, 33, 31), np.float32, 1)
    rows, cotangents = x.reshape(-1, 31), dy.reshape(-1, 31)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        mean, variance = cpu.channel_moments(x, 5)
        row_results = cpu.row_norm(rows, None, None, 1e-5, True)
        results.append(
            (
                mean,
                variance,
                *cpu.channel_products(dy, x, mean),
                cpu.channel_combination(dy, x, mean, variance, variance, mean),
                cpu.channel_sum(dy),
                *row_results,
                *cpu.row_norm_gradient(cotangents, rows, *row_results[1:], None, True),
            )
        )
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)


def test_an_empty_batch_normalises_to_an_empty_batch():
    x, vector = np.empty((0, 3, 4, 4), np.float32), np.ones((1, 3))
    assert cpu.channel_affine(x, vector, vector, vector).shape == x.shape
    assert cpu.channel_combination(x, x, vector, vector, vector, vector).shape == x.shape
    sums, products = cpu.channel_products(x, x, vector)
    assert not sums.any()
    assert not products.any()
    assert not cpu.channel_sum(x).any()
    rows = np.empty((0, 4), np.float32)
    y, mean, inverse_std = cpu.row_norm(rows, None, None, 1e-5, True)
    assert y.shape == (0, 4)
    gradients = cpu.row_norm_gradient(rows, rows, mean, inverse_std, None, True)
    assert [gradient.tolist() for gradient in gradients] == [[], [0.0] * 4, [0.0] * 4]


@pytest.mark.parametrize("shape", [(2, 40_000, 1, 1), (1, 20_000, 1, 2), (8, 262_144, 1, 1), (600, 4, 3, 3)])
@pytest.mark.parametrize("per_image", [False, True])
def test_many_channels_or_sets_of_few_numbers_normalise(shape, per_image):
    x, dy = normal(shape, np.float32, 0), normal(shape, np.float32, 1)
    mean, variance = cpu.channel_moments(x, shape[0] if per_image else 1)
    exact = x.astype(np.float64)
    axes = (2, 3) if per_image else (0, 2, 3)
    np.testing.assert_allclose(mean, np.atleast_2d(exact.mean(axis=axes)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(variance, np.atleast_2d(exact.var(axis=axes)), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(cpu.channel_sum(x), exact.sum(axis=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    ones = np.ones(mean.shape)
    for result in (*cpu.channel_products(dy, x, mean), cpu.channel_combination(dy, x, mean, ones, ones, ones)):
        assert np.isfinite(result).all()


def test_sums_too_large_for_float32_are_infinite_without_a_warning():
    x = np.full((4, 2, 8, 8), 3e38, np.float32)
    ones = np.ones((1, 2))
    assert np.isinf(cpu.channel_sum(x)).all()
    assert np.isinf(cpu.channel_affine(x, 0 * ones, 10 * ones, 0 * ones)).all()
    infinite = np.full((4, 2, 8, 8), np.inf, np.float32)
    mean, variance = cpu.channel_moments(infinite, 1)
    assert np.isinf(mean).all()
    assert np.isnan(variance).all()
    assert np.isnan(cpu.channel_affine(infinite, mean, ones, ones)).all()
    assert np.isnan(cpu.channel_combination(x, infinite, mean, ones, ones, ones)).all()


def test_no_channels_have_no_sums():
    assert cpu.channel_sum(np.empty((5, 0, 1, 1), np.float32)).shape == (0,)
