"""The error function's kernels against their definitions, and against mathematics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-300, 5.9, -26.0, 40.0]


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv"])
@given(values=st.lists(st.floats(-7, 7) | st.sampled_from(SPECIAL), min_size=0, max_size=20), wide=st.booleans())
def test_a_kernel_equals_its_definition(name, values, wide):
    x = np.array(values, np.float64 if wide else np.float32)
    x = np.clip(x, -1, 1) if name == "erfinv" else x
    expected = getattr(reference, name)(x)
    np.testing.assert_allclose(getattr(cpu, name)(x), expected, rtol=1e-13 if wide else 2e-7, atol=0)


def test_the_inverse_undoes_the_function_to_the_last_digits():
    y = np.linspace(-0.999999, 0.999999, 4001)
    np.testing.assert_allclose(cpu.erf(cpu.erfinv(y)), y, rtol=1e-14, atol=0)


def test_what_is_left_of_one_stays_exact_where_the_function_is_one():
    x = np.array([6.0, 10.0, 26.0])
    assert (cpu.erf(x) == 1).all()
    np.testing.assert_allclose(cpu.erfc(x), [math.erfc(value) for value in x], rtol=1e-14)


def test_images_keep_their_memory_order():
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(cpu.erf(x), cpu.erf(np.ascontiguousarray(x)))
