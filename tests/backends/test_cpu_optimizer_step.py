"""The optimisers' kernels against their formulas, over any number of parameters of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import pieces
from tinyconv.core import layout

SIZES = [(), (2 * pieces.PIECE + 3,)]
SHAPES = st.lists(
    st.one_of(st.tuples(*[st.integers(0, 5)] * 4), st.tuples(st.integers(0, 40)), st.sampled_from(SIZES)),
    min_size=1,
    max_size=5,
)
TOLERANCE = {np.float32: {"rtol": 2e-5, "atol": 1e-5}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}


def drawn(shapes, dtype, count, seed):
    """``count`` arrays of each shape, the last ones not negative, as squares are."""
    generator = np.random.default_rng(seed)
    arrays = [[layout.copy(np.asarray(generator.standard_normal(s), dtype)) for s in shapes] for _ in range(count)]
    return arrays[:3] + [[np.abs(array) for array in of] for of in arrays[3:]]


def copies(arrays):
    return [layout.copy(array) for array in arrays]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=25)
@given(
    shapes=SHAPES,
    largest=st.booleans(),
    shrink=st.sampled_from([1.0, 0.9]),
    penalty=st.sampled_from([0.0, 0.3]),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_adams_step_is_its_formula(dtype, shapes, largest, shrink, penalty, sign):
    p, gradients, *moments = drawn(shapes, dtype, 5 if largest else 4, 0)
    rates = np.array([(0.1 * (index + 1), 1.5 + index) for index in range(len(shapes))])
    rule = {"shrink": shrink, "penalty": penalty, "sign": sign, "betas": (0.9, 0.99), "eps": 1e-3}
    results = []
    for backend in (cpu, reference):
        parameters, state = copies(p), [copies(of) for of in moments]
        backend.adam_step(parameters, gradients, list(zip(*state, strict=True)), rates, **rule)
        results.append([*parameters, *(array for of in state for array in of)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=25)
@given(
    shapes=SHAPES,
    momentum=st.sampled_from([0.0, 0.9]),
    nesterov=st.booleans(),
    penalty=st.sampled_from([0.0, 0.3]),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_sgds_step_is_its_formula(dtype, shapes, momentum, nesterov, penalty, sign):
    p, gradients, velocities = drawn(shapes, dtype, 3, 1)
    rates = np.array([(1 - 0.1 * index,) for index in range(len(shapes))])
    rule = {"penalty": penalty, "sign": sign, "momentum": momentum, "nesterov": nesterov, "rate": 0.1}
    results = []
    for backend in (cpu, reference):
        parameters, state = copies(p), copies(velocities) if momentum else []
        backend.sgd_step(parameters, gradients, state, rates, **rule)
        results.append([*parameters, *state])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE[dtype])


def test_a_step_has_the_same_bits_for_any_number_of_threads(threads):
    p, gradients, *moments = drawn([(3 * pieces.PIECE + 5,), (7,)], np.float32, 4, 2)
    results = []
    for count in (1, 2):
        threads(count)
        parameters, state = copies(p), [copies(of) for of in moments]
        rates = np.array([(0.1, 1.5)] * 2)
        rule = {"shrink": 0.9, "penalty": 0.0, "sign": 1.0, "betas": (0.9, 0.99), "eps": 1e-8}
        cpu.adam_step(parameters, gradients, list(zip(*state, strict=True)), rates, **rule)
        results.append(parameters)
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
