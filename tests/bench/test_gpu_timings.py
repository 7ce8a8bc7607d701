"""The timed sections of the check of a GPU, on the processor and small: the same code measures there."""

import dataclasses
import json

import numpy as np
import pytest

from bench.cases import C
from bench.gpu import ceilings, chart, convolutions, layers, record, report, sides, steps, targets, versions
from bench.gpu.clock import HostClock
from bench.gpu.place import Place
from bench.networks import BOTTLENECKS, Network
from bench.numbers import normal
from bench.suites import layers as suite
from tinyconv.core.precision import float32_precision
from tinyconv.utils.speed.own import FAST

torch = pytest.importorskip("torch")

PLACE = Place.processor()
TINY = C("tiny", 2, 4, 6, 5, 3, 3, padding=1)


class ListedClock(HostClock):
    """Times come from a list."""

    def __init__(self, seconds):
        self.seconds = iter(seconds)

    def time(self, call, calls):
        for _ in range(calls):
            call()
        seconds = next(self.seconds)
        return type(super().time(lambda: None, 1))(seconds, seconds / 2)


def test_sides_take_turns_in_their_own_settings():
    seen = []
    pair = {
        "a": sides.own(lambda: seen.append(("a", float32_precision())), "exact"),
        "b": sides.own(lambda: seen.append(("b", float32_precision())), "fast"),
    }
    times = [0.02, 0.01] + [0.02, 0.01, 0.01, 0.02] * 4
    turns = sides.take_turns(pair, ListedClock(times), 0.0)
    assert set(seen) == {("a", "exact"), ("b", "fast")}
    assert turns.timings.seconds == {"a": (0.02,) * 7, "b": (0.01,) * 7}
    assert turns.host == {"a": 0.01, "b": 0.005}
    after = "".join(name for name, _ in seen[10:])
    assert after == "aabb" + "bbaaaabb" * 3  # of two calls the first does not count


def test_tf32_is_allowed_for_a_block_only():
    places = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [place.allow_tf32 for place in places]
    for allowed in (True, False):
        with sides.theirs(lambda: None, allowed).within():
            assert [place.allow_tf32 for place in places] == [allowed, allowed]
    assert [place.allow_tf32 for place in places] == before


def test_convolutions_are_timed_with_both_sides():
    found = convolutions.timed(TINY, PLACE, 0.0)
    assert [line["product"] for line in found] == ["forward", "input gradient", "weight gradient"]
    for line in found:
        assert set(line["seconds"]) == {FAST, "tinyconv exact", sides.PLAIN}
        assert line["rivals"] == [sides.PLAIN]
        assert line["tags"] == ["float32"]
    assert targets.row_of(found[0]).ratio().value > 0


def test_equals_are_compared():
    names = (FAST, "tinyconv exact", sides.OWN_TF32, sides.PLAIN, sides.TF32)
    turns = sides.Turns(
        sides.Timings({name: (place + 1.0,) * 5 for place, name in enumerate(names)}), dict.fromkeys(names, 1.0)
    )
    plain, tf32 = sides.lines("a", "forward", turns, flops=1, bytes=1)
    assert targets.row_of(plain).ratio().value == 4
    assert targets.row_of(tf32).ratio().value == pytest.approx(5 / 3)


def test_batches_are_as_large_as_fits():
    found = {case.name: case.shape for case in convolutions.convolutions()}
    assert found["VGG 64x64x224x224 -> 64, 3x3 p1"].x[0] == 64
    assert "face net 256x128x8x8 -> 256, 3x3 p1" in found
    assert all(64 <= shape.x[0] <= 256 for shape in found.values())
    assert len(set(found.values())) == len(found) == 22


@pytest.mark.parametrize("layer", list(suite.layers([(2, 4, 6, 6)])), ids=lambda layer: layer.title)
def test_layers_are_timed(layer):
    forward, both = layers.timed(layer, PLACE, 0.0)
    assert (forward["product"], both["product"]) == ("forward", "forward + backward")
    assert forward["rivals"] == [sides.PLAIN]
    assert both["bytes"] >= forward["bytes"] >= 0
    assert forward["tags"] == []  # not one of the large shapes


def test_bytes_are_those_of_the_passes():
    pool = next(layer for layer in suite.layers([(2, 4, 6, 6)]) if layer.title == "max-pool 2x2")
    forward, both = layers.timed(pool, PLACE, 0.0)
    assert forward["bytes"] == 4 * (2 * 4 * 36 + 2 * 4 * 9)
    assert both["bytes"] == 2 * forward["bytes"]


def test_every_layer_is_named_in_the_table_of_passes():
    titles = {layer.title for layer in suite.layers()}
    found = {title for title in titles if any(title.startswith(beginning) for beginning in layers.PASSES)}
    assert titles - found == {"linear"}


def test_steps_are_timed_and_their_needs_measured(monkeypatch):
    monkeypatch.setattr(steps, "AHEAD_BYTES", 1 << 16)
    network = dataclasses.replace(BOTTLENECKS, side=32, blocks=(1, 1), width=4)
    found = steps.timed(network, 2, PLACE, 0.0)
    (row,) = (line for line in found if "seconds" in line)
    assert row["name"] == "ResNet-50 2x3x32x32"
    assert row["flops"] == network.step_flops(2)
    needs = {line["side"]: line for line in found if "side" in line}
    assert set(needs) == {FAST, sides.PLAIN, sides.TF32}
    assert all(0 <= line["idle"] <= 1 for line in needs.values())


def test_the_networks_are_those_of_the_issue():
    names = [case.name for case in steps.cases(PLACE)]
    assert names == [
        "face net 64x1x64x64",
        "face net 256x1x64x64",
        "VGG-11 128x3x32x32",
        "ResNet-18 128x3x32x32",
        "ResNet-50 64x3x224x224",
    ]
    assert isinstance(BOTTLENECKS, Network)


def test_bottlenecks_are_the_same_in_both_libraries():
    network = dataclasses.replace(BOTTLENECKS, side=32, blocks=(1, 2), width=4)
    ours, theirs = network.step(3), network.torch_step(3, "PyTorch channels-last")
    for _ in range(2):
        assert ours().item() == pytest.approx(theirs().item(), rel=1e-4)
    assert sum(each.numel() for each in BOTTLENECKS.build().parameters()) == 23_528_522


def test_ceilings_are_rates():
    (copy,) = ceilings.copy(PLACE, 1 << 16)
    plain, tf32 = ceilings.products(PLACE, 16)
    assert [line["ceiling"] for line in (copy, plain, tf32)] == ["bandwidth", "float32", "tf32"]
    assert all(line["rate"] > 0 for line in (copy, plain, tf32))


def test_versions_are_there():
    (line,) = versions.versions()
    assert {"python", "numpy", "numba", "torch", "revision"} <= set(line["versions"])


def test_random_numbers_repeat_beyond_a_size_and_lie_channels_last(monkeypatch):
    monkeypatch.setattr("bench.numbers.DRAWN", 7)
    numbers = normal((2, 3, 2, 2))
    assert numbers.transpose(0, 2, 3, 1).flags.c_contiguous
    np.testing.assert_array_equal(normal((14,))[:7], normal((14,))[7:])


@pytest.fixture
def found():
    """A record as a check leaves it, on times that are made up."""

    def line(name, product, tag, own, other, bytes=0, flops=0, rival=sides.PLAIN):
        seconds = {FAST: [own] * 5, rival: [other] * 5}
        tags = tag.split()
        return {
            "name": name,
            "product": product,
            "seconds": seconds,
            "rivals": [rival],
            "flops": flops,
            "bytes": bytes,
            "tags": tags,
        }

    conv = [
        line(case.name, product, tag, 1e-3 * (1 + place % 5) / 4, 1e-3, case.shape.bytes, case.shape.flops, rival)
        for place, case in enumerate(convolutions.convolutions())
        for product in ("forward", "input gradient", "weight gradient")
        for tag, rival in (("float32", sides.PLAIN), ("tf32", sides.TF32))
    ]
    moving = [
        line(layers.named(layer), product, "bandwidth" if layer.title != "ReLU" else "", 0.5e-3, 0.6e-3, 10**9)
        for layer in list(suite.layers([layers.LARGE[0]]))[:6]
        for product in ("forward", "forward + backward")
    ]
    training = [
        line(case.name, "training step", tag, 2e-3, 1e-3, rival=rival)
        for case in steps.cases(PLACE)
        for tag, rival in (("float32", sides.PLAIN), ("tf32", sides.TF32))
    ]
    needs = {"name": "face net", "side": FAST, "usual": 2e-3, "busy_seconds": 1e-3, "idle": 0.5, "host_seconds": 1e-3}
    check = {"function": "relu", "title": "", "dtype": "float32", "mode": "exact", "algorithm": "", "error": 0.5}
    wrong = check | {"element": 3.0, "same_bits": True, "passed": False, "says": "float32: wrong"}
    parts = {
        "versions": [
            {"card": {"name": "NVIDIA H100"}, "versions": {"torch": "2.11"}, "driver": {"driver_version": "580"}}
        ],
        "ceilings": [
            {"ceiling": name, "rate": rate} for name, rate in (("bandwidth", 3e12), ("float32", 5e13), ("tf32", 4e14))
        ],
        "kernels": [wrong],
        "conv": conv,
        "layers": moving,
        "steps": [*training, needs | {"waits": False, "memory": 2**30}, needs | {"side": "b", "waits": True}],
    }
    sections = {name: {"cases": [{"case": "a", "lines": lines, "error": None}]} for name, lines in parts.items()}
    line = parts["versions"][0]
    return {"measurement": "cuda", "date": "2026-01-02", **line, "sections": sections}


def test_the_targets_are_judged(found):
    judged = {verdict["what"]: verdict for verdict in targets.verdicts(found)}
    assert len(judged) == 10
    forward = judged["forward: tinyconv fast against PyTorch without TF32"]
    assert forward["rows"] == 22
    assert forward["worst"] == pytest.approx(0.8)
    assert not forward["worst_reached"]
    moving = judged["pooling and batch norm: share of the measured bandwidth"]
    assert moving["rows"] == 10
    assert moving["mean"] == pytest.approx(2 / 3)
    assert not moving["mean_reached"]
    steps_judged = judged["training steps: fast against PyTorch without TF32"]
    assert (steps_judged["mean"], steps_judged["mean_reached"]) == (0.5, False)


def test_tables_json_and_chart_are_kept(found, tmp_path, capsys):
    assert not report.show(tmp_path, found)
    said = capsys.readouterr().out
    for text in (
        "NVIDIA H100, 2026-01-02",
        "driver 580",
        "float32: wrong",
        "0 of 1",
        "waits inside",
        "1024 MiB",
        "67%",
        ">= 0.7",
    ):
        assert text in said
    kept = json.loads((tmp_path / "cuda-2026-01-02-NVIDIA-H100.json").read_text())
    assert {"sections", "verdicts", "card", "versions", "date"} <= set(kept)
    assert (tmp_path / "cuda-2026-01-02-NVIDIA-H100.png").read_bytes().startswith(b"\x89PNG")
    assert "convolutions, fast" in (tmp_path / "cuda-2026-01-02-NVIDIA-H100.txt").read_text()


def test_a_record_without_timings_has_no_chart(tmp_path):
    empty = record.gathered({})
    chart.draw(tmp_path / "a.png", empty)
    assert not (tmp_path / "a.png").exists()
    assert report.written(empty, [])
