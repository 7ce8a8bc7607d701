"""Which layer a profile charges for time and calls. Time is a clock that only the tests' own operations move."""

import threading

import pytest
from profiled import Clock, Functional, Slow, lasting, leaf, rows

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd import Function
from tinyconv.autograd.observe import observed
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.nn import functional as F
from tinyconv.ops import machine


@pytest.fixture
def clock():
    return Clock()


# --- time -----------------------------------------------------------------------------------------------------------


def test_forward_and_backward_time_go_to_the_layer_whose_forward_recorded_the_operation(clock):
    model = nn.Sequential(Slow(clock, 10, 100), Slow(clock, 20, 300, before=5))
    with tc.profile(model, clock=clock) as p:
        model(leaf(2)).sum().backward()
    layers = rows(p)
    assert (layers["0"].total.forward_ns, layers["0"].total.backward_ns) == (10, 100)
    assert (layers["1"].total.forward_ns, layers["1"].total.backward_ns) == (25, 300)
    assert (layers[""].total.forward_ns, layers[""].total.backward_ns) == (35, 400)
    assert (layers[""].own.forward_ns, layers[""].own.backward_ns) == (0, 0)
    assert layers["1"].backward_time == 300e-9
    assert (p.total_forward_time, p.total_backward_time) == (35e-9, 400e-9)


def test_own_time_is_without_the_children_and_total_time_with_them(clock):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(Slow(clock, 10, 40))
            self.function = lasting(clock, 3, 7)

        def forward(self, x):
            clock.now += 1
            return self.function(self.inner(x))

    model = Outer()
    with tc.profile(model, clock=clock) as p:
        model(leaf(1)).backward()
    layers = rows(p)
    assert (layers[""].own.forward_ns, layers[""].total.forward_ns) == (4, 14)
    assert (layers[""].own.backward_ns, layers[""].total.backward_ns) == (7, 47)
    assert (layers["inner"].own.forward_ns, layers["inner"].total.forward_ns) == (0, 10)
    assert layers[""].own_time == 11e-9
    assert layers[""].total_time == 61e-9


def test_a_shared_module_is_listed_once_and_counted_for_each_that_calls_it(clock):
    shared = Slow(clock, 10, 100)
    model = nn.Sequential(nn.Sequential(shared), nn.Sequential(shared, Slow(clock, 1, 2)))
    with tc.profile(model, clock=clock) as p:
        model(leaf(1)).backward()
    layers = rows(p)
    assert "1.0" not in layers
    assert layers["0.0"].calls == 2
    assert layers["0.0"].total.forward_ns == 20
    assert layers["0.0"].total.backward_ns == 200
    assert (layers["0"].total.forward_ns, layers["1"].total.forward_ns) == (10, 11)
    assert layers[""].total.backward_ns == 202


def test_what_a_module_calls_within_itself_counts_once_in_its_total(clock):
    class Recursive(nn.Module):
        def __init__(self):
            super().__init__()
            self.function = lasting(clock, 10, 100)

        def forward(self, x, depth=2):
            x = self.function(x)
            return self(x, depth - 1) if depth else x

    model = Recursive()
    with tc.profile(model, clock=clock) as p:
        model(leaf(1)).backward()
    assert p.rows[0].calls == 3
    assert (p.rows[0].total.forward_ns, p.rows[0].total.backward_ns) == (30, 300)


def test_only_the_backward_inside_the_block_is_measured_and_belongs_to_nobody_if_the_forward_came_before(clock):
    model = Slow(clock, 10, 100)
    y = model(leaf(1))
    with tc.profile(model, clock=clock) as p:
        y.backward()
    layers = rows(p)
    assert layers[""].total.backward_ns == 0
    assert layers["(outside)"].total.backward_ns == 100
    assert p.total_forward_time == 0


def test_a_submodule_called_alone_counts_for_the_modules_that_hold_it(clock):
    model = nn.Sequential(nn.Sequential(Slow(clock, 10, 100)))
    with tc.profile(model, clock=clock) as p:
        model[0][0](leaf(1)).backward()
    assert [(row.calls, row.total.forward_ns, row.total.backward_ns) for row in p.rows] == [
        (0, 10, 100),
        (0, 10, 100),
        (1, 10, 100),
    ]


def test_the_derivative_of_a_backward_belongs_to_the_same_layer(clock):
    model = nn.Sequential(Slow(clock, 10, 100), nn.Identity())
    x = leaf(1)
    with tc.profile(model, clock=clock) as p:
        y = (model(x) * x).sum()
        (dx,) = tc.autograd.grad(y, x, create_graph=True)
        dx.sum().backward()
    assert rows(p)["0"].total.backward_ns == 200


def test_backward_that_a_forward_runs_is_no_forward_time(clock):
    inner = Slow(clock, 10, 100)

    class Penalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            y = self.inner(x)
            tc.autograd.grad(y.sum(), x, retain_graph=True)
            return y

    model = Penalised()
    with tc.profile(model, clock=clock) as p:
        model(leaf(1))
    layers = rows(p)
    assert (layers[""].total.forward_ns, layers[""].total.backward_ns) == (10, 100)
    assert layers["inner"].own.backward_ns == 100


def test_time_that_is_neither_forward_nor_backward_is_in_the_total_alone(clock):
    model = Slow(clock, 10_000_000, 100_000_000)
    with tc.profile(model, clock=clock) as p:
        clock.now += 1_000_000
        model(leaf(1)).backward()
    clock.now += 5
    assert p.total_time == 0.111
    assert (p.total_forward_time, p.total_backward_time) == (0.01, 0.1)
    assert "in all 111.00 ms, forward 10.00 ms, backward 100.00 ms, compiling kernels 0.00 ms, the rest 1.00 ms" in str(
        p
    )


def test_compiling_a_kernel_is_no_time_of_the_layer(clock, monkeypatch):
    told = []
    monkeypatch.setattr(machine, "on_preparation", lambda callback: told.append(callback) or (lambda: None))

    class Compiling(Function):
        @staticmethod
        def forward(ctx, x):
            clock.now += 10
            told[0]("tile", True)
            clock.now += 5_000
            told[0]("tile", False)
            clock.now += 1
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            told[0]("gradient", True)
            clock.now += 700
            told[0]("gradient", False)
            clock.now += 3
            return dy * 1

    class Layer(nn.Module):
        def forward(self, x):
            return Compiling.apply(x)

    model = nn.Sequential(Layer())
    with tc.profile(model, clock=clock) as p:
        model(leaf(1)).backward()
    row = rows(p)["0"]
    assert (row.total.forward_ns, row.total.backward_ns, row.total.compile_ns) == (11, 3, 5_700)
    assert row.compile_time == p.total_compile_time == 5_700e-9
    assert [event.name for event in p._recorder.events if event.phase == "compile"] == ["tile", "gradient"]


def test_a_kernel_tells_when_its_preparation_begins_and_ends():
    from tinyconv.backends.cpu import compilation

    @compilation.kernel
    def fill_with_seven(job, out):
        out[job] = 7.0

    told = []
    stop = machine.on_preparation(lambda name, begins: told.append((name, begins)))
    try:
        numbers = tc.zeros(3).numpy()
        fill_with_seven(3, numbers)
        fill_with_seven(3, numbers)
    finally:
        stop()
    assert told == [("fill_with_seven", True), ("fill_with_seven", False)]
    assert numbers.tolist() == [7.0, 7.0, 7.0]


# --- calls, functions and steps -------------------------------------------------------------------------------------


def test_functions_are_listed_under_the_module_that_calls_them_and_numbered_within_a_call():
    model = Functional()
    with tc.profile(model) as p:
        for _ in range(3):
            model(tc.ones(1, 1, 8, 8))
    assert {row.path: row.calls for row in p.rows} == {
        "": 3,
        "conv": 3,
        "head": 3,
        "relu()": 3,
        "pool()": 3,
        "relu()_1": 3,
    }
    assert rows(p)["pool()"].type == "MaxPool2d"
    assert p.steps == 3


def test_what_no_module_calls_is_listed_outside():
    model = nn.Sequential(nn.Linear(3, 2))
    criterion = nn.CrossEntropyLoss()
    with tc.profile(model) as p:
        for _ in range(2):
            criterion(F.relu(model(tc.ones(4, 3))), tc.tensor([0, 1, 0, 1])).backward()
    layers = rows(p)
    assert layers["(outside).CrossEntropyLoss"].calls == 2
    assert layers["(outside).relu()"].calls == 2
    assert layers["(outside)"].total.forward_ns >= layers["(outside).relu()"].total.forward_ns > 0


def test_without_a_model_there_is_a_row_for_each_kind_of_operation():
    model = Functional()
    x = tc.ones(1, 1, 8, 8)
    with tc.profile() as p:
        model(x).sum().backward()
    calls = {row.path: row.calls for row in p.rows}
    assert calls["Relu"] == 2
    assert calls["Convolution2d"] == calls["Linear"] == calls["MaxPool2d"] == 1
    assert "ConvolutionWeightGradient" not in calls, "it belongs to the backward of Convolution2d"
    conv = rows(p)["Convolution2d"]
    assert conv.total.forward_multiply_adds == conv.total.backward_multiply_adds == 6 * 6 * 2 * 9


def test_averages_are_per_step(clock):
    model = Slow(clock, 2_000_000, 6_000_000)
    with tc.profile(model, clock=clock) as p:
        for _ in range(4):
            model(leaf(1)).backward()
    lines = str(p).splitlines()
    assert lines[0].startswith("4 steps, averages per step; the whole block: in all 32.00 ms, forward 8.00 ms")
    assert lines[-1].split()[:5] == ["Slow", "Slow", "4", "2.000", "6.000"]


# --- no_grad, errors, threads ---------------------------------------------------------------------------------------


def test_it_measures_without_a_tape(clock):
    model = Slow(clock, 10, 100)
    with tc.no_grad(), tc.profile(model, clock=clock) as p:
        model(tc.ones(1))
    assert p.rows[0].total.forward_ns == 10
    assert p.total_backward_time == 0


def test_after_an_exception_nothing_is_watched_and_what_ran_is_listed(clock):
    model = nn.Sequential(Slow(clock, 10, 100), nn.Linear(3, 2))
    p = tc.profile(model, clock=clock)
    with pytest.raises(ShapeError, match="layer 1"), p:
        model(tc.ones(1, 7))
    assert not observed()
    layers = rows(p)
    assert layers["0"].total.forward_ns == 10
    assert layers["1"].calls == 1
    with p._recorder._lock:
        assert p._recorder._stacks.stack == []


def test_an_exception_in_an_operation_or_a_backward_leaves_the_clock_right(clock):
    class Failing(Function):
        @staticmethod
        def forward(ctx, x):
            clock.now += 10
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            clock.now += 50
            raise ZeroDivisionError

    class Net(nn.Module):
        def forward(self, x):
            return Failing.apply(x)

    model = nn.Sequential(Net(), Slow(clock, 1, 2))
    with tc.profile(model, clock=clock) as p:
        with pytest.raises(ZeroDivisionError):
            model(leaf(1)).backward()
        clock.now += 1000
        model[1](leaf(1)).backward()
    layers = rows(p)
    assert (layers["0"].total.forward_ns, layers["0"].total.backward_ns) == (10, 50)
    assert (layers["1"].total.forward_ns, layers["1"].total.backward_ns) == (2, 4)


def test_an_operation_that_fails_outside_of_all_modules_leaves_nothing_open(clock):
    class Failing(Function):
        @staticmethod
        def forward(ctx, x):
            clock.now += 10
            raise ZeroDivisionError

    with tc.profile(clock=clock) as p:
        with pytest.raises(ZeroDivisionError):
            Failing.apply(tc.ones(1))
        lasting(clock, 5, 0)(tc.ones(1))
    layers = rows(p)
    assert layers["Failing"].total.forward_ns == 10
    assert layers["Lasting"].total.forward_ns == 5


def test_threads_are_measured_too_each_with_its_own_stack():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with tc.profile(model) as p:
        threads = [threading.Thread(target=lambda: model(tc.ones(4, 3)).sum().backward()) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        model(tc.ones(4, 3))
    layers = rows(p)
    assert layers["0"].calls == layers[""].calls == 4
    assert layers["0"].total.forward_multiply_adds == 4 * 24
    assert layers["0"].total.backward_multiply_adds == 3 * 24


def test_profiles_nest():
    model = nn.Linear(3, 2)
    with tc.profile(model) as outer:
        model(tc.ones(1, 3))
        with tc.profile(model) as inner:
            model(tc.ones(1, 3))
    assert (outer.rows[0].calls, inner.rows[0].calls) == (2, 1)


def test_a_profile_is_used_once_and_its_model_is_a_module():
    p = tc.profile()
    with p:
        pass
    with pytest.raises(ArgumentError, match="used already; make a new one"), p:
        pass
    with pytest.raises(ArgumentError, match="model must be a Module, got Tensor"):
        tc.profile(tc.ones(1))
