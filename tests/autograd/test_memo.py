"""What is computed from a tensor's memory is kept while it is true, and only where nothing is recorded."""

import gc
import weakref

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.operation import Operation


class Doubled(Operation):
    """weight * 2 + x, where weight * 2 is computed once for a weight that stays as it is."""

    memo_of = 1
    packed = 0

    def forward(self, x, weight):
        if self.memo is None or "twice" not in self.memo:
            Doubled.packed += 1
            twice = weight * 2
            if self.memo is not None:
                self.memo["twice"] = twice
        else:
            twice = self.memo["twice"]
        return twice + x

    def backward(self, dy):
        return dy, dy * 2


@pytest.fixture(autouse=True)
def count_from_zero():
    Doubled.packed = 0


def inferred(weight: tc.Tensor) -> list[float]:
    with tc.no_grad():
        return Doubled().apply(tc.zeros(len(weight)), weight).tolist()


def test_it_is_computed_once_for_a_weight_that_stays_as_it_is():
    weight = nn.Parameter(tc.tensor([1.0, 2.0]))
    assert [inferred(weight) for _ in range(3)] == [[2.0, 4.0]] * 3
    assert Doubled.packed == 1


def write_through_a_view(weight):
    weight[1:].mul_(3)


def write_through_detach(weight):
    weight.detach()[0] = 5


def write_through_data(weight):
    weight.data.add_(1)


def assign_data(weight):
    weight.data = weight.detach() * 7


def fill(weight):
    nn.init.constant_(weight, 9)


def load(weight):
    layer = nn.Module()
    layer.weight = weight
    layer.load_state_dict({"weight": tc.tensor([4.0, 4.0])})


def vector(weight):
    nn.utils.vector_to_parameters(tc.tensor([6.0, 8.0]), [weight])


def convert_there_and_back(weight):
    layer = nn.Module()
    layer.weight = weight
    layer.double()
    weight.mul_(2)
    layer.float()


def optimise(optimizer):
    def write(weight):
        weight.grad = tc.tensor([1.0, -2.0])
        optimizer([weight]).step()

    write.__name__ = optimizer.__name__
    return write


WRITES = [
    write_through_a_view, write_through_detach, write_through_data, assign_data, fill, load, vector,
    convert_there_and_back,
]  # fmt: skip
OPTIMIZERS = [
    thing for thing in vars(tc.optim).values() if isinstance(thing, type) and issubclass(thing, tc.optim.Optimizer)
]


@pytest.mark.parametrize(
    "write",
    [*WRITES, *(optimise(thing) for thing in OPTIMIZERS if thing is not tc.optim.Optimizer)],
    ids=lambda write: write.__name__,
)
def test_a_write_takes_it_away(write):
    weight = nn.Parameter(tc.tensor([1.0, 2.0]))
    inferred(weight)
    with tc.no_grad():
        write(weight)
    assert inferred(weight) == (weight.detach() * 2).tolist() != [2.0, 4.0]


def test_a_write_into_a_tensor_whose_memory_was_taken_over_is_seen():
    weight, other = nn.Parameter(tc.tensor([1.0, 2.0])), tc.tensor([3.0, 4.0])
    weight.data = other
    assert inferred(weight) == [6.0, 8.0]
    other.mul_(2)
    assert inferred(weight) == [12.0, 16.0]


def test_views_of_one_memory_have_each_their_own():
    base = tc.arange(6.0)
    views = [base, base[:2], base[2:4], base[::3], base.view(2, 3)[:, 1], base[:2].detach()]
    expected = [(view * 2).tolist() for view in views]
    assert [inferred(view) for view in views] == expected
    assert Doubled.packed == 5, "the last is the second again"
    assert [inferred(view) for view in views] == expected
    assert Doubled.packed == 5
    base.add_(1)
    assert [inferred(view) for view in views] == [(view * 2).tolist() for view in views]


def test_nothing_is_kept_while_the_tape_records():
    weight = nn.Parameter(tc.tensor([1.0, 2.0]))
    for _ in range(2):
        Doubled().apply(tc.zeros(2), weight)
    assert Doubled.packed == 2
    assert weight.storage.memos is None


def test_an_application_that_is_replayed_has_no_memo():
    operation = Doubled()
    with tc.no_grad():
        operation.apply(tc.zeros(1), tc.ones(1))
    assert operation.memo is not None
    assert operation.unrecorded_copy().memo is None


def test_it_goes_with_the_tensor():
    class Packed:
        pass

    gc.collect()
    gc.disable()
    try:
        weight = tc.ones(2)
        weight.memo()["packed"] = packed = Packed()
        reference = weakref.ref(packed)
        del packed
        assert reference() is not None
        del weight
        assert reference() is None
    finally:
        gc.enable()


def test_writes_that_cannot_be_seen_are_told():
    weight = tc.tensor([1.0, 2.0])
    inferred(weight)
    weight.numpy()[:] = np.float32([5, 6])
    weight.bump_version()
    assert inferred(weight) == [10.0, 12.0]
