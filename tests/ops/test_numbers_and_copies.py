"""Numbers that an integer type does not hold, copies, and repetitions."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import gradcheck
from tinyconv.core.geometry import pair
from tinyconv.ops.loss.classification_loss import Expectation

BYTES = [0, 1, 200]

WRAPPED = {
    "a negative number added": lambda x: x + (-1),
    "a large factor": lambda x: x * 1000,
    "a large number subtracted": lambda x: x - 1000,
    "a large divisor": lambda x: x // 1000,
    "a number in place": lambda x: x.clone().add_(-1),
    "a number of 64 bits": lambda x: x + (2**63 + 5),
    "a negative fill": lambda x: x.clone().fill_(-1),
}


@pytest.mark.parametrize("case", WRAPPED)
def test_integers_wrap_around_as_in_pytorch(case: str):
    torch = pytest.importorskip("torch")
    ours = WRAPPED[case](tc.tensor(BYTES, dtype=tc.uint8))
    assert ours.dtype is tc.uint8
    assert ours.tolist() == WRAPPED[case](torch.tensor(BYTES, dtype=torch.uint8)).tolist()


def test_an_int32_keeps_the_lower_bits_of_a_larger_number():
    assert (tc.tensor([5], dtype=tc.int32) + (2**40 + 1)).tolist() == [6]


@pytest.mark.parametrize("number", [-1, 0, 200, 300, 2**40])
def test_a_number_beside_a_tensor_of_integers_wraps_around_before_it_is_compared(number: int):
    x = tc.tensor(BYTES, dtype=tc.uint8)
    for other, seen in ((number, number % 256), (tc.tensor(number), number % 256), (tc.tensor([number]), number)):
        assert (x > other).tolist() == [value > seen for value in BYTES]
        assert (x >= other).tolist() == [value >= seen for value in BYTES]
        assert (x < other).tolist() == [value < seen for value in BYTES]
        assert (x <= other).tolist() == [value <= seen for value in BYTES]
        assert (x == other).tolist() == [value == seen for value in BYTES]
        assert (x != other).tolist() == [value != seen for value in BYTES]


def test_bounds_beyond_an_integer_type_bound_nothing():
    x = tc.tensor(BYTES, dtype=tc.uint8)
    assert x.clamp(-1, 1).tolist() == [0, 1, 1]
    assert x.clamp(1, 300).tolist() == [1, 1, 200]
    assert x.clone().clamp_(-1, 2**70).tolist() == BYTES


def test_a_number_too_large_for_float32_is_infinite_without_a_warning():
    assert (tc.zeros(1) + 1e300).item() == float("inf")
    assert tc.zeros(1).fill_(float("-inf")).item() == float("-inf")
    with pytest.raises(tc.TinyconvError, match=r"float32 reaches to 3\.4e38"):
        tc.zeros(1).fill_(-1e300)


def test_rounding_integers_and_the_sign_and_square_of_truth_values():
    assert tc.tensor([3, -4]).round().tolist() == [3, -4]
    assert tc.tensor([True, False]).sign().tolist() == [True, False]
    assert tc.tensor([True, False]).square().tolist() == [1, 0]


def test_the_expectation_of_one_distribution_is_an_array():
    expectation = Expectation(0).apply(tc.tensor([1.0, 2.0, 3.0]), tc.tensor([0.0, 0.5, 0.5]))
    assert isinstance(expectation.array, np.ndarray)
    assert expectation.item() == 2.5


def test_a_conversion_copies_when_asked_to():
    x = tc.zeros(2)
    assert x.to(tc.float32, non_blocking=True) is x
    assert x.to("cpu", True) is x
    for copy in (x.to(tc.float32, copy=True), x.to("cpu", False, True), x.to(copy=True)):
        copy.add_(1)
        assert x.tolist() == [0, 0]


@pytest.mark.parametrize("sizes", [(2, 3), (1, 1), (3, 1, 2), (2, 0), (2, 1, 1, 3)])
@pytest.mark.parametrize("shape", [(2, 3), (1, 4)])
def test_repeat_lays_copies_side_by_side(shape, sizes):
    x = tc.tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True)
    np.testing.assert_array_equal(x.repeat(*sizes).detach().numpy(), np.tile(x.detach().numpy(), sizes))
    assert x.repeat(sizes).shape == x.repeat(*sizes).shape
    assert gradcheck(lambda x: x.repeat(*sizes), x)
    copy = x.detach().repeat(sizes)
    before = x.detach().numpy().copy()
    copy.add_(1)
    np.testing.assert_array_equal(x.detach().numpy(), before)


def test_numpy_integers_are_sizes():
    assert pair((np.int64(2), np.int32(3)), "stride") == (2, 3)
    assert pair(np.int64(2), "stride") == (2, 2)


@pytest.mark.parametrize("value", [(1.0, 2.0), 1.5, "12", True, (True, 1), None, (), (1, 2, 3)])
def test_what_is_no_pair_of_integers_is_refused(value):
    with pytest.raises(ValueError, match="stride must be an int or a pair of ints"):
        pair(value, "stride")
