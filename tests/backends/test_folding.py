"""Folded convolution, for few channels of output, against the definition: forced, in every geometry."""

import numpy as np
import pytest
from convolution_cases import Convolution, convolutions
from hypothesis import example, given, settings

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.backends.cpu.choice import Algorithm, algorithms_for, choose, fold_of
from tinyconv.backends.problem import Problem, Product
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.precision import set_float32_precision

EPSILON = float(np.finfo(np.float32).eps)

STEM = Convolution(2, 1, 3, 64, (11, 16), (7, 7), (2, 2), (3, 3), (1, 1))
FOUR_APART = Convolution(1, 1, 2, 64, (15, 24), (11, 11), (4, 4), (2, 2), (1, 1))
SMALL = Convolution(3, 1, 6, 6, (14, 14), (5, 5), (1, 1), (0, 0), (1, 1))
DILATED = Convolution(2, 1, 1, 3, (17, 24), (3, 3), (1, 1), (2, 2), (2, 2))
STRIDE_BEYOND_KERNEL = Convolution(1, 1, 2, 3, (9, 12), (1, 2), (3, 3), (0, 0), (1, 1))
NARROW = Convolution(1, 1, 2, 3, (9, 2), (3, 1), (3, 3), (1, 0), (1, 1))


@pytest.fixture(autouse=True)
def folded():
    with set_float32_precision("fast"), set_convolution_algorithm("folded"):
        yield


def problems(case):
    """Of a convolution, its three products."""
    geometry = (case.size, case.output_size, case.kernel_size, case.stride, case.padding, case.dilation)
    return [
        Problem(product, case.images, case.groups, case.channels, case.outputs, *geometry, np.dtype(np.float32))
        for product in Product
    ]


def three(backend, case, x, weight, bias, dy):
    return (
        backend.conv2d(x, weight, bias, *case.parameters),
        backend.conv2d_input_gradient(dy, weight, case.size, *case.parameters),
        backend.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters),
    )


@settings(max_examples=40)
@given(convolutions(most_extra=12))
@example(STEM)
@example(FOUR_APART)
@example(SMALL)
@example(DILATED)
@example(STRIDE_BEYOND_KERNEL)
@example(NARROW)
def test_folded_convolutions_stay_within_the_rounding_of_their_own_terms(case):
    arrays = case.arrays(np.float32)
    doubles = [array.astype(np.float64) for array in arrays]
    kernel_pixels, output_pixels = np.prod(case.kernel_size), np.prod(case.output_size)
    terms = (case.channels * kernel_pixels + 1, case.outputs * kernel_pixels, case.images * output_pixels)
    ours = three(cpu, case, *arrays)
    exact = three(reference, case, *doubles)
    sizes = three(reference, case, *(abs(array) for array in doubles))
    for result, truth, size, count in zip(ours, exact, sizes, terms, strict=True):
        assert (abs(result - truth) <= (count + 1) * EPSILON * size).all()


@pytest.mark.parametrize("case", [STEM, FOUR_APART, SMALL, DILATED], ids=str)
def test_pixels_are_folded_where_they_fill_a_vector_that_channels_do_not(case):
    _, gradient, _ = problems(case)
    fold = fold_of(gradient)
    assert choose(gradient) is Algorithm.FOLDED
    assert fold.pixels > 1
    assert fold.pixels % case.stride[1] == 0
    assert case.size[1] % fold.pixels == 0
    for problem in problems(case):
        assert (choose(problem) is Algorithm.FOLDED) == (fold_of(problem) is not None)


def test_exact_results_and_groups_and_many_channels_are_never_folded():
    gradient = problems(STEM)[1]
    assert Algorithm.FOLDED in algorithms_for(gradient)
    assert Algorithm.FOLDED not in algorithms_for(gradient._replace(groups=2))
    assert Algorithm.FOLDED not in algorithms_for(gradient._replace(dtype=np.dtype(np.float64)))
    assert Algorithm.FOLDED not in algorithms_for(gradient._replace(channels=64))
    with set_float32_precision("exact"):
        assert Algorithm.FOLDED not in algorithms_for(gradient)


@pytest.mark.parametrize("case", [STEM, SMALL], ids=str)
def test_the_number_of_threads_does_not_change_a_bit(case, threads):
    arrays = case.arrays(np.float32)
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        results.append(three(cpu, case, *arrays))
    for one, many in zip(*results, strict=True):
        np.testing.assert_array_equal(one, many)
