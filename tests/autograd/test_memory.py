"""The memory of a graph is freed as the tape unwinds, by reference counting alone."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
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


def live() -> tuple[int, int, int]:
    """How many operations and tensors are alive, how many containers of any kind, and how many bytes of arrays."""
    things = gc.get_objects()
    # By type(): asking a stranger for its __class__, as isinstance does, can have effects.
    of_the_engine = sum(issubclass(type(thing), (Operation, tc.Tensor)) for thing in things)
    count = len(things)
    del things
    arrays = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    traces = tracemalloc.take_snapshot().filter_traces([arrays]).traces
    return of_the_engine, count, sum(trace.size for trace in traces)


def measured_after_each(step, count: int) -> list[tuple[int, int, int]]:
    """``live()`` after each of ``count`` steps, but for the first few, which fill caches."""
    gc.enable()  # compiling kernels leaves cycles
    step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(3):
            step()
            live()
        seen = []
        for _ in range(count):
            step()
            seen.append(live())
        return seen
    finally:
        tracemalloc.stop()


def assert_flat(seen: list[tuple[int, int, int]]) -> None:
    engine, containers, arrays = zip(*seen, strict=True)
    assert len(set(engine)) == 1, engine
    assert len(set(arrays)) == 1, arrays
    # What was seen is a container for each step itself.
    assert containers[-1] - containers[0] <= len(seen) + 2, containers


def test_writing_through_views_keeps_memory_flat():
    x, w = leaf(), leaf(2)

    def step() -> None:
        y = x * 2
        earlier, row = y.view(2, 2), y[:2]
        row.mul_(w)
        row[:1].add_(1)
        earlier.t()[0].sigmoid_()
        earlier.retain_grad()
        y.register_hook(lambda gradient: None)
        (y * y + earlier.view(-1)).sum().backward()

    assert_flat(measured_after_each(step, 8))


def test_a_view_that_lives_on_keeps_no_graph_of_earlier_steps():
    buffer = tc.zeros(4, dtype=tc.float64)
    view, w = buffer[1:3], leaf(2)

    def step() -> None:
        view.copy_(w * 2)
        (buffer * buffer).sum().backward()
        buffer.detach_()
        view.detach().zero_()

    assert_flat(measured_after_each(step, 8))


def test_a_dropped_graph_with_views_written_in_place_is_freed_at_once():
    x = leaf()
    y = x * 2
    view = y[:2]
    view.mul_(3)
    later = view * view
    nodes = [weakref.ref(y), weakref.ref(view), weakref.ref(y.grad_fn), weakref.ref(view.grad_fn)]
    del y, view, later
    assert [node() for node in nodes] == [None] * 4


class SmallNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(4 * 3 * 3, 3)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        y = nn.functional.max_pool2d(nn.functional.relu(self.norm(self.conv(x))), 2)
        y[:, 0].mul_(0.5)
        self.noted = []
        y.register_hook(lambda gradient: self.noted.append(gradient.shape))
        rows = y.flatten(1)
        rows[:, :2].add_(0.1)
        return self.head(self.drop(rows))


def test_training_a_network_keeps_memory_flat_without_the_garbage_collector():
    tc.manual_seed(0)
    network = SmallNetwork()
    optimizer = tc.optim.Adam(network.parameters(), lr=1e-3)
    images, labels = tc.rand(4, 1, 6, 6), tc.tensor([0, 1, 2, 0])
    network.conv.register_full_backward_hook(lambda module, grad_input, grad_output: None)

    def step() -> None:
        optimizer.zero_grad()
        x = images.clone().requires_grad_()
        loss = nn.functional.cross_entropy(network(x), labels)
        (slope,) = tc.autograd.grad(loss, x, create_graph=True)
        (loss + (slope * slope).sum()).backward()
        optimizer.step()

    assert_flat(measured_after_each(step, 5))


@pytest.mark.parametrize("shape", [(3, 4), (64, 8, 16, 16)], ids=["small", "of the pool"])
@pytest.mark.parametrize("function", [tc.relu, tc.nn.functional.gelu, lambda x: tc.nn.functional.softmax(x, 1)])
def test_a_gradient_that_nobody_else_holds_becomes_that_of_the_leaf_without_a_copy(monkeypatch, function, shape):
    from tinyconv.autograd import accumulate

    def copy(*_):
        raise AssertionError("the gradient was copied")

    x = tc.ones(shape, requires_grad=True)
    y = function(x)
    monkeypatch.setattr(accumulate, "backend", copy)
    y.backward(tc.ones_like(y))
    assert x.grad.shape == x.shape


def test_a_gradient_that_somebody_holds_is_copied():
    x, y = (tc.ones(64, 8, 16, 16, requires_grad=True) for _ in range(2))
    cotangent = tc.ones(64, 8, 16, 16)
    (x + y).backward(cotangent)
    for mine, other in ((x.grad, y.grad), (x.grad, cotangent), (y.grad, cotangent)):
        assert not np.shares_memory(mine.array, other.array)
