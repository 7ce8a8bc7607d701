"""The arithmetic of comparisons, on times that are made up: nothing here depends on how fast anything is."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import ArgumentError
from tinyconv.utils import measure
from tinyconv.utils.measure import Ratio, Timings, geometric_mean, ratio_of_medians, take_turns

times = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=20)


@given(times)
def test_a_side_against_itself_is_exactly_as_fast(seconds):
    assert ratio_of_medians(seconds, seconds) == Ratio(1.0, 1.0, 1.0)


@given(times, st.floats(0.01, 100))
def test_a_side_that_always_takes_a_multiple_gives_that_ratio_whatever_the_drift(seconds, factor):
    ratio = ratio_of_medians([factor * time for time in seconds], seconds)
    for value in (ratio.value, ratio.low, ratio.high):
        assert value == pytest.approx(factor, rel=1e-9)


def test_the_ratio_is_that_of_the_medians_and_an_outlier_does_not_move_it():
    assert ratio_of_medians([2.0, 2.0, 2.0, 2.0, 90.0], [1.0, 1.0, 1.0, 1.0, 1.0]).value == 2.0


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says():
    draw = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        slow, fast = (scale * draw.lognormal(0, 0.1, 15) for scale in (1.5, 1.0))
        ratio = ratio_of_medians(slow, fast, draws=300)
        assert ratio.low <= ratio.value <= ratio.high
        held += ratio.low <= 1.5 <= ratio.high
    assert 180 <= held <= 200


def test_pairs_are_drawn_together():
    """Rounds that were slow for both sides say nothing about their ratio: as pairs, its interval is narrow."""
    draw = np.random.default_rng(2)
    drift = draw.lognormal(0, 1, 21)
    paired = ratio_of_medians(2 * drift, drift)
    assert paired.high - paired.low < 1e-9
    shuffled = ratio_of_medians(2 * draw.permutation(drift), drift)
    assert shuffled.high - shuffled.low > 0.5


@pytest.mark.parametrize("pair", [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_no_list_of_pairs_is_refused(pair):
    with pytest.raises(ArgumentError, match="pairs of times"):
        ratio_of_medians(*pair)


def test_an_interval_that_touches_the_target_reaches_it():
    assert Ratio(0.97, 0.9, 1.0).reaches(1.0)
    assert not Ratio(0.97, 0.9, 0.99).reaches(1.0)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
def test_the_geometric_mean_of_reciprocals_is_the_reciprocal(ratios):
    assert geometric_mean([1 / ratio for ratio in ratios]) == pytest.approx(1 / geometric_mean(ratios))
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1)
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4)


def test_there_is_no_mean_and_no_timing_of_nothing():
    with pytest.raises(ArgumentError, match="no ratios"):
        geometric_mean([])
    with pytest.raises(ArgumentError, match="no sides"):
        take_turns({})


class Clock:
    """A clock that only the sides move: what ``take_turns`` reads is then known exactly."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(measure.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(measure, "wait_until_quiet", lambda: True)

    def side(self, name, seconds):
        def run():
            self.calls.append(name)
            self.now += seconds(len(self.calls)) if callable(seconds) else seconds

        return run


@pytest.mark.parametrize("seconds", [0.0001, 0.003, 0.02, 0.5])
def test_the_same_work_on_both_sides_gives_one(monkeypatch, seconds):
    clock = Clock(monkeypatch)
    timings = take_turns({"a": clock.side("a", seconds), "b": clock.side("b", seconds)}, 1.0)
    assert timings.speedup("a", "b").value == pytest.approx(1)
    assert timings.median("a") == pytest.approx(seconds)
    assert measure.FEWEST_ROUNDS <= len(timings.seconds["a"]) <= measure.MOST_ROUNDS


def test_drift_slows_both_sides_alike(monkeypatch):
    clock = Clock(monkeypatch)
    timings = take_turns(
        {"a": clock.side("a", lambda n: 0.02 * 1.002**n), "b": clock.side("b", lambda n: 0.04 * 1.002**n)}, 1.0
    )
    assert timings.speedup("a", "b").value == pytest.approx(2, rel=0.02)
    assert timings.fastest(["a", "b"]) == "a"


def test_sides_take_turns_and_the_order_moves_on(monkeypatch):
    clock = Clock(monkeypatch)
    take_turns({name: clock.side(name, 0.5) for name in "abc"}, 0.0)
    assert "".join(clock.calls[6:]) == "abcbcacababcbca"


def test_a_first_call_after_a_switch_does_not_count_where_calls_are_short(monkeypatch):
    clock = Clock(monkeypatch)

    def cold_when_switched_to(name):
        def run():
            cold = not clock.calls or clock.calls[-1] != name
            clock.calls.append(name)
            clock.now += 0.01 if cold else 0.001

        return run

    timings = take_turns({"a": cold_when_switched_to("a"), "b": clock.side("b", 0.001)}, 0.1)
    assert set(np.round(timings.seconds["a"], 9)) == {0.001}


def test_a_hiccup_at_first_does_not_make_calls_look_long(monkeypatch):
    clock = Clock(monkeypatch)
    side = clock.side("a", lambda n: 0.02 if n == 2 else 0.001)
    assert measure._calls_in_a_block(side) == 10


def test_the_spread_is_the_middle_half_over_the_median():
    timings = Timings({"a": (1.0, 2.0, 3.0, 4.0, 5.0)})
    assert timings.spread("a") == pytest.approx(2 / 3)
    assert math.isclose(timings.median("a"), 3)


@pytest.mark.parametrize(("share", "quiet"), [(0.0, True), (0.1, True), (0.5, False), (2.0, False)])
def test_the_process_is_quiet_when_no_thread_computes(monkeypatch, tmp_path, share, quiet):
    """On a clock that only sleeping moves, beside threads that compute for a share of it, of which nothing tells."""
    slept = []
    monkeypatch.setattr(measure, "THREADS", tmp_path / "nothing")
    monkeypatch.setattr(measure.time, "sleep", slept.append)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: sum(slept))
    monkeypatch.setattr(measure.time, "process_time", lambda: share * sum(slept))
    assert measure.wait_until_quiet() is quiet
    assert sum(slept) <= measure.LONGEST_WAIT + measure.QUIET_SECONDS


def test_a_thread_in_a_busy_loop_is_seen_however_seldom_its_time_is_counted(monkeypatch, tmp_path):
    """The system counts no time at all here, but it tells which threads run; this one is not asked about."""
    slept = []
    monkeypatch.setattr(measure, "THREADS", tmp_path)
    for number, name in ((threading.get_native_id(), "main"), (7, "a) S (b")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} ({name}) R 1 2")
    (tmp_path / "8").mkdir()  # it ended before its file was read

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            (tmp_path / "7" / "stat").write_text("7 (a) S (b) S 1 2")

    monkeypatch.setattr(measure.time, "sleep", sleep)
    monkeypatch.setattr(measure.time, "perf_counter", lambda: sum(slept))
    monkeypatch.setattr(measure.time, "process_time", lambda: 0.0)
    assert measure.wait_until_quiet()
    assert len(slept) == 3
