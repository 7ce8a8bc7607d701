"""`python -m bench cuda --check` in the simulator: every function's smallest case, and the timed sections, tiny."""

import dataclasses
import math

import bench_folder  # noqa: F401  (so that the benchmarks are found)
import numpy as np
import pytest

from bench.cases import C
from bench.gpu import ceilings, convolutions, kernels, layers, record, report, sides, steps, versions, worker
from bench.gpu.case import Case, Part
from bench.gpu.checks import Check, Draw
from bench.gpu.place import Place
from bench.networks import CLASSES, Network
from bench.suites import layers as suite
from tinyconv import nn
from tinyconv.backends import cuda
from tinyconv.core import gpu
from tinyconv.utils.speed.own import FAST

LATER, HANGS = 1e9, 60


@pytest.fixture(scope="module")
def place():
    return Place.gpu(processes=1)


def size(value):
    """Of all arrays in an argument."""
    if isinstance(value, np.ndarray):
        return value.size
    return sum(map(size, value)) if isinstance(value, tuple | list) else 0


def cost(check):
    """Roughly, how many elements are computed; a mask's are those of its shape."""
    arguments = check.make(Draw("float32"))
    return math.prod(arguments[-1]) if check.function == "draw_mask" else size(arguments)


SMALLEST = {}
for each in kernels.checks():
    if each.function not in SMALLEST or cost(each) < SMALLEST[each.function][0]:
        SMALLEST[each.function] = cost(each), each


@pytest.mark.parametrize("function", SMALLEST)
def test_a_function_passes_its_check(function, place):
    _, check = SMALLEST[function]
    for line in check.lines(place):
        assert line["passed"], line["says"]


def test_what_is_not_written_is_seen(place, monkeypatch):
    def half(x):
        y = gpu.array_module().empty(x.shape, x.dtype)
        y[: len(y) // 2] = 0
        return y

    monkeypatch.setattr(cuda, "relu", half)
    check = Check("relu", "", lambda draw: (-draw.positive(6),))
    assert [line["passed"] for line in check.lines(place)] == [False, False]


def test_results_on_the_host_are_seen(place, monkeypatch):
    monkeypatch.setattr(cuda, "relu", lambda x: np.maximum(x.get(), 0))
    (first, _) = Check("relu", "", lambda draw: (draw.normal(6),)).lines(place)
    assert "not on the device" in first["says"]


def test_a_section_runs_to_its_end_and_is_reported(place, tmp_path, capsys):
    parts = {name: Part(tmp_path / f"{name}.jsonl") for name in ("versions", "kernels")}
    for part in parts.values():
        part.start(section="", date="2026-01-02T03:04:05+00:00")
    assert worker.work(list(versions.cases(place)), parts["versions"], place, LATER, HANGS)
    cases = [SMALLEST[function][1].case(place) for function in ("relu", "add")]
    assert worker.work([*cases, Case("fails", lambda: 1 / 0)], parts["kernels"], place, LATER, HANGS)
    assert not report.show(tmp_path, record.gathered(parts))
    said = capsys.readouterr().out
    assert "2 of 2" in said
    assert "ZeroDivisionError" in said
    assert (tmp_path / "cuda-2026-01-02-simulator.json").exists()


class Tiny(Network):
    """A network of two layers."""

    def build(self):
        return nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, CLASSES))


def test_the_timed_sections_run(place, monkeypatch):
    for module in (ceilings, convolutions, layers, steps):
        monkeypatch.setattr(module, "torch_is_there", lambda: False)
    monkeypatch.setattr(steps, "AHEAD_BYTES", 1 << 10)
    monkeypatch.setattr(sides, "FEWEST_ROUNDS", 1)
    monkeypatch.setattr(sides, "MOST_ROUNDS", 1)
    assert ceilings.copy(place, 1 << 10)[0]["rate"] > 0
    assert [case.name for case in ceilings.cases(place)] == ["copy"]
    found = convolutions.timed(C("tiny", 1, 1, 2, 2, 1, 1), place, 0.0)
    assert {tuple(line["tags"]) for line in found} == {("float32",), ("tf32",)}
    (pool,) = (layer for layer in suite.layers([(1, 2, 2, 2)]) if layer.title == "max-pool 2x2")
    assert all(FAST in line["seconds"] for line in layers.timed(pool, place, 0.0))
    found = steps.timed(Tiny("tiny", "", 1, 2, ""), 2, dataclasses.replace(place, modes=("fast",)), 0.0)
    assert [line["side"] for line in found if "side" in line] == [FAST]
