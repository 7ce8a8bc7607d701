"""The memory of a graph is freed as the tape unwinds, by reference counting alone."""

import gc
import weakref

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import Function
from tinyconv.autograd.operation import Operation


@pytest.fixture(autouse=True)
def without_the_garbage_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(size: int = 4) -> tc.Tensor:
    return tc.tensor(np.linspace(1.0, 2.0, size), requires_grad=True)


def test_a_graph_that_is_dropped_is_freed_at_once():
    x = leaf()
    y = (x * x).exp()
    nodes = [weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(y.grad_fn.edges[0][0])]
    del y
    assert [node() for node in nodes] == [None, None, None]


def test_backward_frees_the_operations_while_the_result_lives_on():
    x = leaf()
    middle = x * x
    earlier = weakref.ref(middle.grad_fn)
    y = middle.exp().sum()
    del middle
    assert earlier() is not None
    y.backward()
    assert earlier() is None
    assert y.grad_fn is not None


def test_activations_are_freed_during_the_backward_not_after_it():
    alive = []

    class Watch(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            alive.append(later() is not None)
            return dy

    x = leaf()
    early = Watch.apply(x)
    late = early.exp()
    later = weakref.ref(late.grad_fn)
    loss = (late * late).sum()
    del late, early
    loss.backward()
    assert alive == [False]


def test_a_function_of_the_users_own_is_freed_with_what_it_saved():
    class Keeps(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.extra = Marker()
            markers.append(weakref.ref(ctx.extra))
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return dy * 2

    class Marker:
        pass

    markers: list[weakref.ref] = []
    x = leaf()
    dropped = Keeps.apply(x)
    del dropped
    assert markers[0]() is None
    Keeps.apply(x).sum().backward()
    assert markers[1]() is None
    with tc.no_grad():
        Keeps.apply(x)
    assert markers[2]() is None


def test_nothing_is_kept_without_recording():
    kept = []

    class Watch(Operation):
        def forward(self, x):
            self.retain_inputs(0)
            kept.append(self)
            return x.copy()

    x = leaf()
    with tc.no_grad():
        Watch().apply(x)
    assert kept[0]._retained is None
    assert kept[0].edges == ()


def test_retain_grad_and_hooks_make_no_cycle():
    x = leaf()
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda gradient: None)
    reference = weakref.ref(y)
    y.sum().backward()
    del y
    assert reference() is None


def test_an_in_place_operation_makes_no_cycle():
    x = leaf()
    y = x * 2
    y.sigmoid_()
    y.mul_(y)
    reference = weakref.ref(y)
    del y
    assert reference() is None


def test_a_differentiable_gradient_is_freed_with_its_graph():
    x = leaf()
    y = (x * x * x).sum()
    (first,) = tc.autograd.grad(y, x, create_graph=True)
    reference = weakref.ref(first)
    first.sum().backward()
    del first, y
    assert reference() is None


def test_a_product_keeps_only_what_a_wanted_gradient_needs():
    image = np.ones(4)
    constant, weight = tc.tensor(image), leaf()
    product = constant * weight
    retained = product.grad_fn.retained()
    assert retained[1] is None  # d(weight) needs the constant only
    assert retained[0].array is constant.array


def test_a_thousand_steps_keep_no_more_operations_than_one():
    def step() -> None:
        x = leaf()
        (x * x).exp().sum().backward()

    def alive() -> int:
        # By type(): asking a stranger for its __class__, as isinstance does, can have effects.
        return sum(issubclass(type(thing), (Operation, tc.Tensor)) for thing in gc.get_objects())

    step()
    before = alive()
    for _ in range(1000):
        step()
    assert alive() <= before
