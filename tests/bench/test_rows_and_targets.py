"""What is printed first, what reaches a target, and what a JSON file holds; on times that are made up."""

import json

import pytest
from rich.console import Console

from bench.report import keep
from bench.rows import Row, worst_first
from bench.tables import ratio_text, rows_table, seconds_text, verdicts_table
from bench.targets import TARGETS, Target, verdicts
from tinyconv.utils.measure import Ratio, Timings
from tinyconv.utils.speed.own import EXACT, FAST
from tinyconv.utils.speed.roofline import Peaks

PEAKS = Peaks(flops=500e9, bandwidth=50e9)


def row(name, ours=1.0, first=2.0, second=4.0, exact=1.5, **extra):
    seconds = {FAST: (ours,) * 5, "first": (first,) * 5, "second": (second,) * 5, EXACT: (exact,) * 5}
    return Row(name, extra.pop("product", "forward"), Timings(seconds), ("first", "second"), **extra)


def text_of(table):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_the_fastest_rival_counts():
    assert row("a").rival == "first"
    assert row("a").ratio().value == 2.0
    assert row("a", first=9.0).ratio().value == 4.0
    assert row("a").ratio(EXACT).value == pytest.approx(2 / 1.5)


def test_alone_there_is_no_ratio():
    alone = Row("a", "forward", Timings({FAST: (1.0,)}))
    assert alone.ratio() is None
    assert not alone.loses
    assert alone.to_dict(PEAKS)["ratio"] is None


def test_rows_in_which_tinyconv_is_slower_come_first_the_slowest_leading():
    rows = [row("even"), row("slow", ours=3.0), row("quick", ours=0.1), row("slowest", ours=10.0)]
    assert [each.name for each in worst_first(rows)] == ["slowest", "slow", "even", "quick"]
    printed = text_of(rows_table("title", rows, PEAKS))
    assert printed.index("slowest") < printed.index("even") < printed.index("quick")


def test_the_mean_is_geometric_and_the_worst_row_is_named():
    rows = [row("a", ours=1.0), row("b", ours=0.5), row("c", ours=4.0)]  # ratios 2, 4, 1/2
    verdict = Target("conv", "all", 1.6, 1.0).verdict(rows)
    assert verdict["mean"] == pytest.approx(4 ** (1 / 3))
    assert not verdict["mean_reached"]
    assert (verdict["worst"], verdict["worst_row"], verdict["rows_short"]) == (0.5, "c, forward", 1)
    assert not verdict["worst_reached"]


def test_a_worst_row_reaches_its_target_where_its_interval_does():
    noisy = Row(
        "noisy",
        "forward",
        Timings({FAST: (1.0, 1.0, 1.0, 1.0, 1.0), "first": (0.9, 0.9, 0.9, 1.1, 1.2)}),
        ("first",),
    )
    assert noisy.ratio().value < 1
    assert Target("conv", "all", None, 1.0).verdict([noisy])["worst_reached"]


def test_a_target_speaks_only_of_its_rows():
    rows = [row("a"), row("b", product="weight gradient"), row("c", tags=frozenset({"3x3"}))]
    assert Target("conv", "", product="weight gradient").verdict(rows)["rows"] == 1
    assert Target("conv", "", tag="3x3").verdict(rows)["rows"] == 1
    assert Target("conv", "", tag="none").verdict(rows) is None
    assert {verdict["what"] for verdict in verdicts("conv", rows)} <= {target.what for target in TARGETS}
    assert verdicts("conv", []) == []


def test_rates_are_shares_of_the_measured_peaks():
    found = row("a", flops=int(100e9), bytes=int(10e9)).to_dict(PEAKS)
    assert found["fraction_of_peak"] == pytest.approx(0.2)
    assert found["fraction_of_bandwidth"] == pytest.approx(0.2)
    assert "fraction_of_peak" not in row("a").to_dict(PEAKS)


def test_the_json_has_every_round_and_the_machine(tmp_path):
    path = tmp_path / "rows.json"
    keep(path, "conv", [row("a", flops=1, bytes=1).to_dict(PEAKS)], threads=2)
    record = json.loads(path.read_text())
    assert record["measurement"] == "conv"
    assert record["threads"] == 2
    assert {"machine", "versions", "date"} <= set(record)
    (kept,) = record["rows"]
    assert kept["sides"][FAST] == {"median": 1.0, "spread": 0.0, "rounds": [1.0] * 5}
    assert kept["rival"] == "first"
    assert kept["ratio"] == {"value": 2.0, "low": 2.0, "high": 2.0}


def test_nothing_is_kept_where_nobody_asked(capsys):
    keep(None, "conv", [])
    assert capsys.readouterr().out == ""


def test_texts():
    assert seconds_text(1.234) == "1.23 s"
    assert seconds_text(0.01234) == "12.3 ms"
    assert seconds_text(1.234e-5) == "12.3 us"
    assert ratio_text(None) == ""
    assert ratio_text(Ratio(0.5, 0.4, 0.6)).startswith("[red]")
    assert "2.00 [2.00, 2.00]" in text_of(rows_table("", [row("a", flops=1, bytes=1)], PEAKS))
    assert "0.50" in text_of(verdicts_table(verdicts("conv", [row("a", ours=4.0)])))
