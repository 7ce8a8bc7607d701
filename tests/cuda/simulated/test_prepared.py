"""Layers prepared for arrays of one shape, on a GPU."""

import numpy as np
from on_device import on_device, on_host

from tinyconv.backends import cuda, reference
from tinyconv.core.windows import sliding_windows

SHAPE = (2, 4, 5, 6)
WINDOWS = sliding_windows(SHAPE[2:], (2, 2), (2, 2), (0, 0), (1, 1), False)


def test_prepared_layers_equal_the_definition():
    random = np.random.default_rng(0)
    x = random.standard_normal(np.prod(SHAPE))
    weight, bias = random.standard_normal((3, 4, 2, 2)), random.standard_normal(3)
    rows = random.standard_normal((3, 120))
    ways = (1, 1), (0, 0), (1, 1), 1, True, {}
    prepared = [
        ("prepared_conv2d", (SHAPE, (2, 3, 4, 5), weight, bias, *ways)),
        ("prepared_linear", (2, rows, bias, True, {})),
        ("prepared_max_pool2d", (SHAPE, WINDOWS, np.dtype(np.float64))),
        ("prepared_adaptive_avg_pool2d", (SHAPE, (2, 3))),
        ("prepared_relu", ()),
    ]
    for name, arguments in prepared:
        ours = getattr(cuda, name)(*map(on_device, arguments))(on_device(x))
        assert ours.ndim == 1
        expected = getattr(reference, name)(*arguments)(x)
        np.testing.assert_allclose(on_host(ours), expected, rtol=1e-12, atol=1e-12)
    assert cuda.small_network((5, 6, 4), np.dtype(np.float64)) is None


def test_there_is_every_function_that_the_definitions_have_but_those_that_prepare_batches():
    assert set(reference.__all__) - set(cuda.__all__) == {"picked", "uniform_rows", "warped"}
    assert set(cuda.__all__) <= set(reference.__all__)
