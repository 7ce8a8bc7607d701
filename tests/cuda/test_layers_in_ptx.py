"""The layers' kernels as a GPU would get them: their PTX, run by the interpreter, against the definitions.

The simulator runs kernels as Python. What only the compiled program has is shown here: vectors of four numbers and the
addresses that they need, divisions in 32 bits, arithmetic on whole words, the types that Numba gave to every number.
"""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the kernels for GPUs are compiled by numba-cuda: pip install '.[ptx]'")

from on_device import on_device, on_host, run
from virtual_gpu import virtual_gpu

from tinyconv.backends import reference
from tinyconv.core import layout
from tinyconv.core.windows import adaptive_windows, sliding_windows

TOLERANCE = {np.dtype(np.float32): 3e-5, np.dtype(np.float64): 1e-11}
OVERLAPPING = sliding_windows((5, 6), (3, 2), (2, 1), (1, 1), (1, 1), True)
SQUARES = sliding_windows((5, 6), (2, 2), (2, 2), (0, 0), (1, 1), False)
LARGE = sliding_windows((18, 17), (17, 17), (1, 1), (0, 1), (1, 1), False)


@pytest.fixture(scope="module")
def driver():
    with virtual_gpu() as driver:
        yield driver


@pytest.fixture(scope="module")
def cuda(driver):
    from tinyconv.backends import cuda
    from tinyconv.backends.cuda import max_pooling, pooling

    max_pooling.tables_of.cache_clear()  # of another virtual GPU's memory
    pooling.tables_of.cache_clear()
    yield cuda
    max_pooling.tables_of.cache_clear()
    pooling.tables_of.cache_clear()


def normal(shape, dtype=np.float32, seed=0):
    return layout.copy(np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype))


def copied(values):
    """Copies of all arrays in lists and tuples."""
    return layout.copy(values) if isinstance(values, np.ndarray) else [copied(value) for value in values]


def flattened(values):
    """All arrays in lists and tuples, one after the other."""
    return [values] if isinstance(values, np.ndarray) else [array for value in values for array in flattened(value)]


def maps(channels, dtype, count=3, size=(5, 6)):
    """So many arrays of maps."""
    return [normal((2, channels, *size), dtype, seed) for seed in range(count)]


def pooling(channels, dtype):
    x = maps(channels, dtype)[0]
    for windows in (OVERLAPPING, SQUARES, adaptive_windows((5, 6), (3, 7))):
        y, switches = reference.max_pool2d(x, windows)
        yield "max_pool2d", (x, windows)
        yield "max_pool2d_gradient", (y, switches.astype(np.uint8), windows)
    average = (3, 2), (2, 1), (1, 1), True, False, None
    y = reference.avg_pool2d(x, *average)
    yield "avg_pool2d", (x, *average)
    yield "avg_pool2d_gradient", (y, (5, 6), *average)
    yield "adaptive_avg_pool2d", (x, (1, 1))
    yield "adaptive_avg_pool2d_gradient", (y, (9, 4))
    indices = np.random.default_rng(0).integers(0, 12, x.shape)
    yield "scatter_plane", (x, indices, (3, 4))
    yield "gather_plane", (maps(channels, dtype, size=(3, 4))[0], indices)


def large_windows(channels, dtype):
    x = normal((1, channels, 18, 17), dtype)
    y, switches = reference.max_pool2d(x, LARGE)
    yield "max_pool2d", (x, LARGE)
    yield "max_pool2d_gradient", (y, switches.astype(np.int32), LARGE)


def channels(channels, dtype):
    x, dy, residual = maps(channels, dtype)
    mean, scale, shift, other = normal((4, 2, channels), np.float64)
    yield "channel_moments", (x, 2)
    yield "channel_products", (dy, x, mean)
    yield "channel_affine", (x, mean, scale, shift)
    yield "channel_combination", (dy, x, mean, scale, other, shift)
    yield "channel_sum", (x,)
    weight, bias = normal((2, channels), dtype)
    statistics = mean[0], np.abs(scale[0])
    y = reference.batch_norm(x, weight, bias, 0.1, None, residual, True)
    yield "batch_norm", (x, weight, bias, 0.1, None, residual, True)
    yield "batch_norm", (x, None, None, 0.1, statistics, None, False)
    unknown = layout.copy(x)
    unknown[0, 1, 2, 3] = np.nan
    yield "batch_norm", (unknown, weight, bias, 0.1, None, None, True)
    yield "batch_norm_gradient", (dy, x, weight, bias, 0.1, y[1:], False, y[0], True)
    yield "batch_norm_gradient", (dy, x, weight, bias, 0.1, statistics, True, None, True)
    pooled = reference.batch_norm_max_pool2d(x, weight, bias, 0.1, SQUARES)
    yield "batch_norm_max_pool2d", (x, weight, bias, 0.1, SQUARES)
    given = pooled[0], x, pooled[1].astype(np.uint8), pooled[2], weight, bias, 0.1, pooled[3:], SQUARES
    yield "batch_norm_max_pool2d_gradient", given


def rows(channels, dtype):
    x, dy = normal((2, 5, 3 * channels), dtype)
    weight, bias = normal((2, 3 * channels), dtype)
    for centred in (True, False):
        y = reference.row_norm(x, weight, bias, 0.1, centred)
        yield "row_norm", (x, weight, bias, 0.1, centred)
        yield "row_norm_gradient", (dy, x, *y[1:], weight, centred)
    targets, own, share = np.arange(5), normal(5, dtype, 1), normal(5, dtype, 2)
    scores = x, targets, own, share, bias
    losses = reference.cross_entropy(*scores)
    yield "cross_entropy", scores
    yield "cross_entropy_gradient", (own, *scores, *losses[1:])


def elements(channels, dtype):
    x, dy, _ = maps(channels, dtype)
    infinite = layout.copy(x)
    infinite[0, 0, 0, :4] = np.nan, -np.nan, np.inf, -np.inf
    yield "relu", (infinite,)
    yield "relu_gradient", (dy, infinite)
    for by_tanh in (True, False):
        yield "gelu", (x, by_tanh)
        yield "gelu_gradient", (dy, x, by_tanh)
    yield "erf", (x,)
    yield "erfc", (x,)
    yield "erfinv", (np.tanh(x),)
    keep = reference.draw_mask(2**62 + 5, 2**32 - 1, 2**64 - 3, 7, 0.4, (3, 7))
    yield "draw_mask", (2**62 + 5, 2**32 - 1, 2**64 - 3, 7, 0.4, (3, 7), 13)
    yield "masked", (normal((3, 7), dtype), keep, 1.5)
    a, b, bias = normal((3, 4), dtype), normal((4, 7), dtype), normal(7, dtype)
    yield "matmul", (a, b, bias, True)


FAMILIES = [pooling, large_windows, channels, rows, elements]


@pytest.mark.parametrize(
    ("family", "width", "dtype"),
    [
        *((family, width, np.float32) for family in FAMILIES for width in (4, 3)),
        *((family, 4, np.float64) for family in (pooling, elements)),
    ],
)
def test_the_compiled_kernels_equal_the_definitions(cuda, family, width, dtype):
    for name, arguments in family(width, dtype):
        ours = run(getattr(cuda, name), *arguments)
        expected = getattr(reference, name)(*arguments)
        pairs = zip(ours, expected, strict=True) if isinstance(ours, tuple) else [(ours, expected)]
        for one, other in pairs:
            assert one.shape == other.shape, name
            tolerance = TOLERANCE[np.dtype(dtype)] * max(1.0, float(np.abs(other).max(initial=0)))
            np.testing.assert_allclose(one, other, rtol=TOLERANCE[np.dtype(dtype)], atol=tolerance, err_msg=name)


@pytest.mark.parametrize("largest", [False, True])
def test_one_launch_steps_all_parameters(cuda, driver, largest):
    """Some have more elements than a block takes, some none."""
    shapes = [(2, 3, 2, 2), (0,), (4100,), ()]
    p, gradients, *moments = (
        [np.abs(normal(shape, seed=seed), out=normal(shape)) for shape in shapes] for seed in range(5 if largest else 4)
    )
    rates = np.array([(0.1 * i, 1 + 0.5 * i) for i in range(1, 5)])
    adam = {"shrink": 0.9, "penalty": 0.1, "sign": -1.0, "betas": (0.9, 0.99), "eps": 1e-3}
    sgd = {"penalty": 0.1, "sign": 1.0, "momentum": 0.9, "nesterov": largest, "rate": 0.1}
    for name, state, numbers, rule in (
        ("adam_step", list(zip(*moments, strict=True)), rates, adam),
        ("sgd_step", moments[0], rates[:, :1], sgd),
        ("sgd_step", [], rates[:, :1], sgd),
    ):
        ours, theirs = on_device([p, gradients, state]), copied([p, gradients, state])
        driver.launched.clear()
        getattr(cuda, name)(*ours, numbers, **rule)
        assert driver.launched == [f"{name.removesuffix('_step')}_of_all_float32"]
        getattr(reference, name)(*theirs, numbers, **rule)
        for one, other in zip(flattened(on_host(ours)), flattened(theirs), strict=True):
            np.testing.assert_allclose(one, other, rtol=3e-5, atol=1e-6)


def test_vectors_of_a_slice_are_read_at_addresses_for_vectors(cuda):
    """The interpreter refuses others, as a GPU does."""
    x = normal((5, 1, 3, 3))
    part = on_device(x)[1:]
    np.testing.assert_array_equal(on_host(cuda.relu(part)), reference.relu(x[1:]))
    cuda.add_relu(part, on_device(x)[:4])
    np.testing.assert_array_equal(on_host(part), reference.relu(x[1:] + x[:4]))
