"""Memory, threads, scaling, errors: their arithmetic and their sides, without a measurement that takes time."""

import numpy as np
import pytest
from click.testing import CliRunner

import tinyconv as tc
from bench.__main__ import SUITES, bench
from bench.suites import error, memory, scaling, threads
from tinyconv.utils.speed.shapes import PRODUCTS, ConvolutionShape


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_has_a_command_of_its_name(name):
    outcome = CliRunner().invoke(bench, [name, "--help"])
    assert outcome.exit_code == 0, outcome.output
    assert bench.get_command(None, name).name == name


def test_an_unknown_suite_is_refused_with_the_names():
    outcome = CliRunner().invoke(bench, ["speed"])
    assert outcome.exit_code == 2
    assert "there are conv, layers" in outcome.output


def test_networks_that_need_more_memory_come_first():
    rows = [{"network": name, "share": share} for name, share in [("a", 0.5), ("b", 1.1), ("c", 2.0), ("d", None)]]
    assert [row["network"] for row in memory.more_first(rows)] == ["c", "b", "a", "d"]


def test_a_side_runs_on_its_threads():
    most = tc.get_num_threads()
    seen = [threads.own_threads(tc.get_num_threads, count)() for count in (1, most)]
    assert seen == [1, most]
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    assert threads.torch_threads(torch.get_num_threads, 1)() == 1
    torch.set_num_threads(before)


def test_errors_are_relative_to_the_largest_result_and_small():
    shape = ConvolutionShape((2, 8, 6, 5), 4, (3, 3), padding=(1, 1))
    found = dict(error.errors(shape, "exact"))
    assert tuple(found) == PRODUCTS
    assert [array.size for array in found.values()] == [2 * 4 * 30, 2 * 8 * 30, 4 * 8 * 9]
    assert all(0 < array.max() < 1e-6 for array in found.values())


def test_a_distribution_counts_every_element_once():
    row = error.distribution("fast", "forward", [np.array([0.0, 2e-9, 5e-7]), np.array([0.5])])
    assert sum(row["decades"]) == 4
    assert row["decades"][0] == 1
    assert row["largest_by_shape"] == [5e-7, 0.5]
    assert row["below"][-1] == 0.5
    assert error.histogram(row["decades"]).startswith("<1e-9 25.0%")


def test_the_drawn_shapes_are_what_fast_algorithms_are_for():
    draw = np.random.default_rng(0)
    for shape in (error.draw_shape(draw) for _ in range(20)):
        assert (shape.kernel, shape.stride, shape.groups) == ((3, 3), (1, 1), 1)
        assert shape.y[2:] == shape.x[2:]


def test_the_sweeps_have_their_sizes():
    assert scaling.BATCHES[0] == 1
    assert scaling.SIDES[-1] == 224
