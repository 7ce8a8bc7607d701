"""The rectifier's kernels against their definition, with what is not a number and what is not finite."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinyconv.backends import cpu, reference
from tinyconv.core import layout

SHAPES = st.one_of(st.just(()), arrays.array_shapes(min_dims=1, max_dims=5, max_side=5), st.just((2, 0, 3, 1)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40)
@given(data=st.data(), shape=SHAPES, transpose=st.booleans())
def test_relu_and_its_gradient_equal_the_definition(dtype, data, shape, transpose):
    numbers = st.one_of(st.floats(-4, 4, width=32), st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf]))
    x, dy = (data.draw(arrays.arrays(dtype, shape, elements=numbers)) for _ in range(2))
    if transpose:
        x = x.T
        dy = dy.T
    y = cpu.relu(x)
    np.testing.assert_array_equal(y, reference.relu(x))
    np.testing.assert_array_equal(cpu.relu_gradient(dy, y), reference.relu_gradient(dy, y))
    assert y.dtype == dtype
    assert layout.is_engine_order(y)
    assert layout.is_engine_order(cpu.relu_gradient(dy, y))
