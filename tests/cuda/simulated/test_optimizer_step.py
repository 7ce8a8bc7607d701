"""The optimisers' steps on a GPU against their formulas, over any number of parameters of any size."""

import itertools

import numpy as np
import pytest
from on_device import on_device, on_host

from tinyconv.backends import cuda, reference
from tinyconv.core import layout

SHAPES = [(), (37,), (2, 3, 2, 2), (0,), (4, 5)]
TOLERANCE = {np.float32: {"rtol": 2e-5, "atol": 1e-5}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def drawn(dtype, count, seed):
    """``count`` arrays of each shape, the last ones not negative, as squares are."""
    generator = np.random.default_rng(seed)
    arrays = [[layout.copy(np.asarray(generator.standard_normal(s), dtype)) for s in SHAPES] for _ in range(count)]
    return arrays[:3] + [[np.abs(array) for array in of] for of in arrays[3:]]


def assert_same_step(step, dtype, parameters, gradients, state, by_parameter, rates, rule):
    """On both backends, from the same start: parameters and state are written the same numbers."""
    results = []
    for backend, move in ((cuda, on_device), (reference, lambda array: array)):
        p, moved = ([move(layout.copy(array)) for array in of] for of in (parameters, gradients))
        own = [[move(layout.copy(array)) for array in of] for of in state]
        given = list(zip(*own, strict=True)) if by_parameter else (own[0] if own else [])
        getattr(backend, step)(p, moved, given, rates, **rule)
        results.append([array if backend is reference else on_host(array) for array in (*p, *itertools.chain(*own))])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE[dtype])


@dtypes
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(("shrink", "penalty", "sign"), [(1.0, 0.0, 1.0), (0.9, 0.3, -1.0)])
def test_adams_step_is_its_formula(dtype, largest, shrink, penalty, sign):
    p, gradients, *moments = drawn(dtype, 5 if largest else 4, 0)
    rates = np.array([(0.1 * (index + 1), 1.5 + index) for index in range(len(SHAPES))])
    rule = {"shrink": shrink, "penalty": penalty, "sign": sign, "betas": (0.9, 0.99), "eps": 1e-3}
    assert_same_step("adam_step", dtype, p, gradients, moments, True, rates, rule)


@dtypes
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize(("penalty", "sign"), [(0.0, 1.0), (0.3, -1.0)])
def test_sgds_step_is_its_formula(dtype, momentum, nesterov, penalty, sign):
    p, gradients, velocities = drawn(dtype, 3, 1)
    rates = np.array([(1 - 0.1 * index,) for index in range(len(SHAPES))])
    rule = {"penalty": penalty, "sign": sign, "momentum": momentum, "nesterov": nesterov, "rate": 0.1}
    assert_same_step("sgd_step", dtype, p, gradients, [velocities] if momentum else [], False, rates, rule)
