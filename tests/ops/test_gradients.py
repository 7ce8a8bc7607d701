"""Every differentiable function against finite differences, and its derivative against finite differences again."""

import inspect

import numpy as np
import pytest
from operation_cases import CASES, FAMILIES, IN_PLACE, SHARED, WITHOUT_GRADIENT, Case

import tinyconv as tc
from tinyconv.autograd import gradcheck, gradgradcheck

PIECEWISE_CONSTANT = {"floor_divide"}
"""Its operands get no gradient, so there is nothing to differentiate again."""


def public_functions() -> set[str]:
    return {
        name
        for family in FAMILIES
        for name, value in vars(family).items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and value.__module__ == family.__name__
        and value.__name__ == name  # the others are second names
    }


def test_every_public_function_has_a_case():
    covered = {case.name for case in CASES} | WITHOUT_GRADIENT | IN_PLACE | SHARED
    assert public_functions() - covered == set()


def floating(results):
    results = results if isinstance(results, tuple) else (results,)
    return tuple(result for result in results if result.dtype.is_floating_point)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_its_gradient_agrees_with_differences(case: Case):
    assert gradcheck(lambda *tensors: floating(case.run(*tensors)), case.arguments())


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in PIECEWISE_CONSTANT], ids=str)
def test_its_second_derivative_agrees_with_differences(case: Case):
    function = lambda *tensors: floating(case.run(*tensors))  # noqa: E731
    assert gradgradcheck(function, case.arguments(), directions=2, atol=1e-5)


@pytest.mark.parametrize("name", sorted(WITHOUT_GRADIENT))
def test_a_position_or_a_truth_value_has_no_gradient(name: str):
    x = tc.tensor([[1.0, 2.0], [3.0, 0.0]], requires_grad=True)
    assert not getattr(tc, name)(x).requires_grad


def test_the_product_of_numbers_with_zeros_among_them_has_the_right_gradient():
    for values in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0]):
        x = tc.tensor(values, dtype=tc.float64, requires_grad=True)
        assert gradcheck(lambda x: x.prod(), x)


def test_ties_of_an_extreme_share_the_gradient():
    x = tc.tensor([[2.0, 2.0, 1.0]], requires_grad=True)
    x.amax(1).sum().backward()
    assert x.grad.tolist() == [[0.5, 0.5, 0.0]]


def test_relu_has_gradient_zero_at_zero_and_lets_nan_pass():
    x = tc.tensor([-1.0, 0.0, 2.0, float("nan")], requires_grad=True)
    y = tc.relu(x)
    y.backward(tc.tensor([1.0, 1.0, 1.0, 5.0]))
    np.testing.assert_array_equal(y.detach().numpy(), [0.0, 0.0, 2.0, np.nan])
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.0, 1.0, 5.0])


def test_an_infinite_cotangent_does_not_pass_a_closed_relu():
    x = tc.tensor([-1.0, 1.0], requires_grad=True)
    tc.relu(x).backward(tc.tensor([float("inf"), float("inf")]))
    assert x.grad.tolist() == [0.0, float("inf")]


def test_the_first_of_equal_maxima_receives_the_whole_gradient_of_max_pooling():
    x = tc.ones(1, 1, 2, 2, requires_grad=True)
    tc.nn.functional.max_pool2d(x, 2).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]
