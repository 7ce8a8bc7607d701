"""What a profile counts (products, memory), and how it is shown: as a table, as JSON, as a Chrome trace."""

import gc
import json

import pytest
from profiled import Clock, Functional, Slow, leaf, rows

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.nn import functional as F


@pytest.fixture
def clock():
    return Clock()


# --- arithmetic -----------------------------------------------------------------------------------------------------


def test_multiply_adds_are_the_products_of_the_formulas_and_a_backward_counts_those_it_computes():
    model = Functional()
    with tc.profile(model) as p:
        model(tc.ones(2, 1, 8, 8)).sum().backward()
    layers = rows(p)
    conv, head = 2 * 2 * 6 * 6 * 9, 2 * 2 * 18
    assert layers["conv"].total.forward_multiply_adds == conv
    assert layers["conv"].total.backward_multiply_adds == conv, "the image needs no gradient: dweight alone"
    assert layers["head"].total.forward_multiply_adds == head
    assert layers["head"].total.backward_multiply_adds == 2 * head
    assert p.total_forward_multiply_adds == layers[""].total.forward_multiply_adds == conv + head
    assert p.total_backward_multiply_adds == layers[""].multiply_adds - conv - head == conv + 2 * head


def test_frozen_weights_save_their_products():
    layer = nn.Conv2d(4, 6, 3, groups=2, bias=False)
    layer.weight.requires_grad_(False)
    with tc.profile(layer) as p:
        layer(leaf(1, 4, 5, 5)).sum().backward()
    assert p.total_forward_multiply_adds == p.total_backward_multiply_adds == 6 * 3 * 3 * 2 * 9


def test_a_transposed_convolution_and_a_product_of_batches_count_too():
    x, weight = leaf(1, 4, 5, 5), leaf(4, 3, 2, 2)
    with tc.profile() as p:
        F.conv_transpose2d(x, weight, stride=2).sum().backward()
    products = 5 * 5 * 4 * 3 * 2 * 2
    assert (p.total_forward_multiply_adds, p.total_backward_multiply_adds) == (products, 2 * products)
    with tc.profile() as p:
        tc.bmm(leaf(6, 2, 3), leaf(6, 3, 4)).sum().backward()
    assert (p.total_forward_multiply_adds, p.total_backward_multiply_adds) == (6 * 24, 2 * 6 * 24)


def test_gflops_are_two_operations_per_multiply_add_and_nanosecond(clock):
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.slow = Slow(clock, 100, 400)

        def forward(self, a, b):
            return self.slow(a @ b)

    model = Product()
    with tc.profile(model, clock=clock) as p:
        model(leaf(2, 3), leaf(3, 5)).sum().backward()
    assert p.rows[0].forward_gflops == 2 * 30 / 100
    assert p.rows[0].backward_gflops == 2 * 60 / 400
    assert rows(p)["slow"].forward_gflops is None


# --- memory ---------------------------------------------------------------------------------------------------------


def test_memory_made_is_that_of_results_and_views_make_none():
    class Views(nn.Module):
        def forward(self, x):
            y = F.relu(x)
            return y.flatten(1).reshape(2, 3, 4).transpose(1, 2) + 1.0

    model = Views()
    with tc.profile(model) as p:
        model(tc.ones(2, 3, 4))
    assert p.total_made_bytes == 2 * (2 * 3 * 4 * 4)
    assert rows(p)["relu()"].total.made_bytes == 96
    assert rows(p)["add()"].total.made_bytes == 96
    assert p.total_kept_bytes == 0, "nothing is recorded"


def test_memory_kept_counts_once_what_several_operations_keep_and_no_parameters_or_data():
    model = nn.Sequential(nn.Linear(4, 5, bias=False), nn.ReLU(), nn.Linear(5, 6, bias=False))
    with tc.profile(model) as p:
        y = model(tc.ones(10, 4))
    layers = rows(p)
    # ReLU keeps its result, which the second Linear keeps too; the first keeps the data, which are the user's.
    assert [layers[name].total.kept_bytes for name in ("0", "1", "2")] == [0, 10 * 5 * 4, 0]
    assert layers[""].total.kept_bytes == p.total_kept_bytes == 200
    assert y.requires_grad


def test_the_peak_is_the_most_that_results_held_at_once():
    class Chain(nn.Module):
        def forward(self, x):
            for _ in range(5):
                x = x * 2.0
            return x

    model = Chain()
    gc.collect()
    with tc.no_grad(), tc.profile(model) as p:
        y = model(tc.ones(100))
        del y
    assert p.total_made_bytes == 5 * 400
    assert p.peak_bytes == 2 * 400, "an operand and its result"
    assert p.rows[0].peak_bytes == 2 * 400
    with tc.profile(model) as p:
        y = model(leaf(100).exp()).sum()
    assert p.peak_bytes == 3 * 400, "and the result of exp, which its backward needs"
    assert y.requires_grad


def test_writing_in_place_makes_no_new_result():
    x = tc.ones(50)
    with tc.profile() as p:
        x.add_(1.0)
        x.mul_(2.0)
    assert p.total_made_bytes == 0
    assert [(row.type, row.calls) for row in p.rows] == [("Add", 1), ("Multiply", 1)]


# --- table, trace ---------------------------------------------------------------------------------------------------


def test_the_table_is_sorted_by_an_amount_and_limited(clock):
    model = nn.Sequential(Slow(clock, 1_000, 0), Slow(clock, 3_000, 0), Slow(clock, 2_000, 0))
    with tc.profile(model, clock=clock) as p:
        model(tc.ones(1))
    first = [line.split()[0] for line in p.table(sort_by="own_time").splitlines()[3:]]
    assert first == ["1", "2", "0", "Sequential"]
    assert len(p.table(sort_by="own_time", limit=2).splitlines()) == 3 + 2
    with pytest.raises(ArgumentError, match=r"cannot sort by 'speed'; the amounts are total_time, own_time"):
        p.table(sort_by="speed")
    with pytest.raises(ArgumentError, match="limit must be at least 1 row, got 0"):
        p.table(limit=0)


@pytest.mark.parametrize("amount", ["total_time", "multiply_adds", "forward_gflops", "peak_bytes", "calls"])
def test_every_amount_can_be_sorted_by(amount):
    model = Functional()
    with tc.profile(model) as p:
        model(tc.ones(1, 1, 8, 8)).sum().backward()
    values = [getattr(row, amount) or 0 for row in p.rows]
    order = [line.split()[0] for line in p.table(sort_by=amount).splitlines()[3:]]
    expected = sorted(range(len(values)), key=lambda index: -values[index])
    assert order == [p.rows[index].path or "Functional" for index in expected]


def test_the_chrome_trace_has_a_complete_event_for_each_piece_of_work(clock, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Slow(clock, 2_000, 4_500))
    with tc.profile(model, clock=clock) as p:
        clock.now += 10_000
        model(tc.ones(1, 1, 5, 5)).sum().backward()
    p.export_chrome_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {(event["name"], event["cat"]) for event in complete} >= {
        ("Sequential", "forward"),
        ("0", "forward"),
        ("Convolution2d", "forward"),
        ("Lasting", "forward"),
        ("Lasting backward", "backward"),
        ("Convolution2d backward", "backward"),
        ("ConvolutionWeightGradient", "backward"),
    }
    found = {event["name"]: event for event in complete}
    assert (found["Lasting"]["ts"], found["Lasting"]["dur"]) == (10.0, 2.0)
    assert (found["Lasting backward"]["ts"], found["Lasting backward"]["dur"]) == (12.0, 4.5)
    assert found["Convolution2d"]["args"] == {
        "inputs": [[1, 1, 5, 5], [2, 1, 3, 3], [2]],
        "output": [1, 2, 3, 3],
        "made_bytes": 72,
        "kept_bytes": 0,
        "FLOP": 2 * 18 * 9,
    }
    for event in complete:
        assert {"name", "ph", "ts", "dur", "pid", "tid", "args"} <= set(event)
        assert event["dur"] >= 0
        assert event["tid"] == 1
    named = [event for event in trace["traceEvents"] if event["ph"] == "M"]
    assert {event["name"] for event in named} == {"process_name", "thread_name"}
    counted = [event["args"]["bytes"] for event in trace["traceEvents"] if event["ph"] == "C"]
    assert len(counted) == len(complete)
    assert max(counted) == p.peak_bytes


def test_a_trace_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path):
    with tc.profile() as p:
        tc.ones(1) + 1
    with pytest.raises(RunError, match="cannot be written"):
        p.export_chrome_trace(tmp_path / "nowhere" / "trace.json")
    assert list(tmp_path.iterdir()) == []


def test_json_holds_the_totals_and_the_rows():
    model = Functional()
    with tc.profile(model) as p:
        model(tc.ones(1, 1, 8, 8))
    report = json.loads(json.dumps(p.to_dict()))
    assert report["steps"] == 1
    assert report["forward_multiply_adds"] == p.total_forward_multiply_adds
    assert [layer["layer"] for layer in report["layers"]] == [row.path for row in p.rows]
    assert report["layers"][0]["own"]["made_bytes"] == 2 * 3 * 3 * 4, "flatten puts channels-last pixels in order"
