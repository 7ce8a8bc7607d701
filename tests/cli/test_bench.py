"""``tinyconv bench`` measures a convolution or a model, and refuses what makes no convolution in one line."""

import json
from pathlib import Path

import pytest
from command import tinyconv

import tinyconv as tc
from tinyconv.utils.speed import pytorch

CONV = ("bench", "conv", "2x16x8x8", "16", "--padding", "1", "--seconds", "0.001")


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """A machine whose peaks are known, rounds as few as can be, and a cache folder of the test's own."""
    from tinyconv.backends.cpu import choice, tuning
    from tinyconv.core import cache
    from tinyconv.ops import machine
    from tinyconv.utils import measure

    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "peak_flops", lambda: 1e12)
    monkeypatch.setattr(machine, "peak_bandwidth", lambda: 1e10)
    monkeypatch.setattr(measure, "BLOCK_SECONDS", 1e-4)
    monkeypatch.setattr(measure, "LONGEST_WAIT", 0.0)
    tuning.learned.cache_clear()
    choice.forget()
    with tc.set_float32_precision("fast"):
        yield
    monkeypatch.undo()
    tuning.learned.cache_clear()
    choice.forget()


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(pytorch, "installed", lambda: False)


def test_every_algorithm_has_a_row_and_the_chosen_one_leads(alone):
    outcome = tinyconv(*CONV)
    assert outcome.code == 0, outcome.stderr
    first, heading, *rows = outcome.stdout.splitlines()
    assert first.endswith("this machine does 1000 GFLOP/s and moves 10 GB/s (measured)")
    assert heading.split()[:3] == ["what", "by", "time"]
    assert [row.split()[0] for row in rows] == ["forward"] * 2 + ["input"] * 2 + ["weight"] * 2
    assert [" * " in row for row in rows] == [True, False] * 3
    assert {word for row in rows for word in row.split()} >= {"winograd", "direct"}


def test_exact_never_uses_winograd(alone):
    outcome = tinyconv(*CONV, "--precision", "exact")
    assert outcome.code == 0, outcome.stderr
    assert "winograd" not in outcome.stdout
    assert "direct" in outcome.stdout


def test_beside_pytorch_there_are_ratios():
    pytest.importorskip("torch")
    report = json.loads(tinyconv(*CONV, "--json").stdout)
    assert (report["peak_flops"], report["peak_bandwidth"]) == (1e12, 1e10)
    assert [row["product"] for row in report["rows"]] == ["forward", "input gradient", "weight gradient"]
    for row in report["rows"]:
        assert row["flops"] == 2 * 2 * 16 * 64 * 16 * 9
        sides = {side["side"]: side for side in row["sides"]}
        assert set(pytorch.LAYOUTS) < set(sides)
        assert row["rival"] in pytorch.LAYOUTS
        for name, side in sides.items():
            assert side["fraction_of_peak"] == pytest.approx(side["flops_per_second"] / 1e12)
            assert (side["speedup"] is None) == (name in pytorch.LAYOUTS)


def test_a_roofline_is_drawn_and_its_path_does_not_disturb_the_json(alone, tmp_path: Path):
    path = tmp_path / "roofline.png"
    outcome = tinyconv(*CONV, "--json", "--plot", path)
    assert len(json.loads(outcome.stdout)["rows"]) == 3
    assert f"roofline  {path}" in outcome.stderr
    assert path.read_bytes().startswith(b"\x89PNG")


def test_tuning_keeps_the_order_for_every_product(alone, tmp_path: Path):
    outcome = tinyconv(*CONV, "--tune", "--json")
    assert outcome.code == 0, outcome.stderr
    learned = json.loads(outcome.stdout)["learned"]
    assert set(learned) == {"forward", "input gradient", "weight gradient"}
    (file,) = (tmp_path / "cache").iterdir()
    assert str(file) in outcome.stderr
    kept = json.loads(file.read_text())["fastest_first"]
    assert sorted(kept.values()) == sorted(learned.values())
    assert all(set(order) == {"winograd", "direct"} for order in kept.values())
    from tinyconv.ops.convolution.algorithms import able

    for product, order in learned.items():
        geometry = ((1, 1), (1, 1), (1, 1), 1)
        assert able(product, ((2, 16, 8, 8), (2, 16, 8, 8), (16, 16, 3, 3)), geometry)[0] == order[0]


def test_a_model_trains_and_infers():
    outcome = tinyconv(
        "bench",
        "model",
        "lenet",
        "--batch",
        "2",
        "--input-size",
        "12",
        "--channels",
        "1",
        "--seconds",
        "0.001",
        "--json",
    )
    assert outcome.code == 0, outcome.stderr
    step, inference = json.loads(outcome.stdout)["rows"]
    assert (step["product"], inference["product"]) == ("training step", "inference")
    assert 2 < step["flops"] / inference["flops"] < 3
    assert inference["sides"][0]["side"] == "tinyconv"


@pytest.mark.parametrize(
    ("name", "options", "has_twin"),
    [("squeezenet1_1", ("width=4",), False), ("vgg11_bn", ("width=1", "head=linear"), True)],
)
def test_a_model_is_measured_with_its_options_and_beside_pytorch_where_it_is_written_for_it(name, options, has_twin):
    given = [word for option in options for word in ("--model-option", option)]
    outcome = tinyconv("bench", "model", name, *given, "--batch", "2", "--seconds", "0.001", "--json")
    assert outcome.code == 0, outcome.stderr
    step = json.loads(outcome.stdout)["rows"][0]
    sides = {side["side"] for side in step["sides"]}
    assert (sides >= set(pytorch.LAYOUTS)) == (has_twin and pytorch.installed())
    assert step["flops"] < 1e9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("conv", "8x64x56", "128"), "is no batch of images; write images, channels, height, width"),
        (("conv", "8x0x5x5", "128"), "is no batch of images"),
        (("conv", "1x3x8x8", "many"), "is not a valid whole number"),
        (("conv", "1x3x8x8", "4", "--groups", "2"), "groups must divide the channels"),
        (("conv", "1x3x8x8", "4", "--kernel", "9"), "does not fit into images of 8x8"),
        (("conv", "1x3x8x8", "4", "--stride", "0"), "it must be at least 1"),
        (("conv", "1x3x8x8", "4", "--padding", "a"), "neither a number nor a pair"),
        (("conv", "99999x512x512x512", "64"), "GiB"),
        (("conv", "1x3x8x8", "4", "--precision", "tf32"), "GPU"),
        (("model", "lenett"), "did you mean 'lenet'"),
        (("model", "vgg11_bn", "--input-size", "8"), "at least 32x32"),
        (("model", "lenet", "--model-option", "width=3"), "no option 'width'"),
        (("con",), "No such command"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(arguments, words):
    outcome = tinyconv("bench", *arguments)
    assert outcome.code == 2
    assert words in outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert outcome.stdout == ""


def test_a_roofline_in_a_folder_that_is_missing_is_refused(alone, tmp_path: Path):
    outcome = tinyconv(*CONV, "--plot", tmp_path / "nowhere" / "roofline.png")
    assert outcome.code == 2
    assert "cannot be written: no such file or directory" in outcome.stderr
