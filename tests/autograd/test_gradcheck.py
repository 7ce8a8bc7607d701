"""The check of gradients finds planted faults."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import Function, gradcheck, gradgradcheck


def planted(forward, backward):
    """A Function of one tensor with the given rules."""

    class Planted(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return backward(x, dy)

    return Planted.apply


@pytest.fixture
def x():
    return tc.tensor(np.random.default_rng(1).uniform(0.5, 1.5, (2, 3)), requires_grad=True)


FAULTS = {
    "a factor": (lambda x: x * x, lambda x, dy: 2.001 * x * dy),
    "the sign": (lambda x: -x, lambda x, dy: dy),
    "one element": (lambda x: x * 2, lambda x, dy: dy * tc.tensor([[2.0, 2, 2], [2, 2, 2.1]], dtype=tc.float64)),
    "a permutation that an all-ones cotangent would hide": (lambda x: x.flip(1), lambda x, dy: dy * 1),
    "a constant instead of the cotangent": (lambda x: x * 2, lambda x, dy: tc.full_like(dy, 2.0)),
    "a missing gradient": (lambda x: x * 2, lambda x, dy: None),
    "a shape that broadcasts": (lambda x: x * 2, lambda x, dy: (dy * 2)[:1]),
    "a shape that does not": (lambda x: x * 2, lambda x, dy: (dy * 2)[:, :2]),
}


@pytest.mark.parametrize("directions", [None, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_gradcheck_finds_a_wrong(fault, directions, x):
    function = planted(*FAULTS[fault])
    assert not gradcheck(function, x, directions=directions, raise_exception=False)
    with pytest.raises(RuntimeError, match="gradcheck: "):
        gradcheck(function, x, directions=directions)


def test_the_message_gives_place_claim_and_measurement(x):
    with pytest.raises(RuntimeError, match=r"input 0 at \(0, 0\): backward says .*, differences say .* \(6 of 6"):
        gradcheck(planted(lambda x: x * 2, lambda x, dy: dy * 3), x)


def test_gradgradcheck_finds_a_wrong_second_derivative_behind_a_right_first_one(x):
    function = planted(lambda x: x * x * x, lambda x, dy: 3 * (x * x).detach() * dy)
    assert gradcheck(function, x)
    assert not gradgradcheck(function, x, raise_exception=False)


def test_the_inputs_are_unchanged_afterwards(x):
    before = x.array.copy()
    assert gradcheck(lambda x: x.exp(), x)
    assert gradcheck(lambda x: x.exp(), x, directions=3)
    np.testing.assert_array_equal(x.array, before)
    assert x.grad is None


def test_inputs_that_cannot_be_checked_are_refused():
    with pytest.raises(ValueError, match="no input requires a gradient"):
        gradcheck(lambda x: x, tc.ones(2, dtype=tc.float64))
    with pytest.raises(ValueError, match="must be float64"):
        gradcheck(lambda x: x * 1, tc.ones(2, requires_grad=True))


def test_an_output_that_should_require_a_gradient_but_does_not_is_found(x):
    with pytest.raises(RuntimeError, match="no output requires a gradient"):
        gradcheck(lambda x: x.detach() * 2, x)
