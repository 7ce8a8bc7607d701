"""The matrix product and what follows it, on a GPU."""

import numpy as np
import pytest
from on_device import run

from tinyconv.backends import cuda, reference


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (7, 17, 5), (3, 0, 4), (0, 3, 2)])
def test_products_with_bias_and_rectifier_equal_the_definition(dtype, relu, rows, inner, columns):
    random = np.random.default_rng(0)
    a, b, bias = (random.standard_normal(shape).astype(dtype) for shape in ((rows, inner), (inner, columns), columns))
    for added in (None, bias):
        ours, expected = run(cuda.matmul, a, b, added, relu), reference.matmul(a, b, added, relu)
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-6)


def test_the_rectifier_lets_nan_pass():
    a = np.array([[np.nan, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(run(cuda.matmul, a, np.eye(2), None, True), [[np.nan, np.nan], [0, 0]])
