"""The check of a GPU: cases that fail alone, processes that end early, and what is there where there is no GPU."""

import dataclasses
import sys

import bench_folder
import pytest
from click.testing import CliRunner

from bench.__main__ import bench
from bench.gpu import record, run, sections, worker
from bench.gpu.case import NO_TIME, Case, Part
from bench.gpu.clock import HostClock
from bench.gpu.place import Place
from tinyconv.core import gpu

LATER, HANGS = 1e9, 60
PLACE = Place.processor()


class LostClock(HostClock):
    """Of a device that does nothing any more."""

    def synchronize(self):
        raise RuntimeError("an illegal memory access was encountered")


def fails():
    raise ValueError("no such kernel")


@pytest.fixture
def part(tmp_path):
    part = Part(tmp_path / "parts" / "kernels.jsonl")
    part.start(section="kernels", date="2026-01-02T03:04:05+00:00")
    return part


def test_without_a_gpu_one_line_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "problem", lambda: "no NVIDIA driver was found")
    outcome = CliRunner().invoke(bench, ["cuda", "--check", "--out", str(tmp_path)])
    assert outcome.exit_code == 2
    assert outcome.output == "no GPU to check: no NVIDIA driver was found\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--check", "--out", "x", "--section", "none"]])
def test_a_command_that_cannot_be_meant_is_refused(arguments):
    outcome = CliRunner().invoke(bench, ["cuda", *arguments])
    assert outcome.exit_code == 2
    assert "Error" in outcome.output


def test_a_case_that_fails_leaves_its_message_and_the_others_run(part, capsys):
    cases = [Case("a", fails), Case("b", lambda: [{"says": "3 ms"}])]
    assert worker.work(cases, part, PLACE, LATER, HANGS)
    first, second = part.cases()
    assert first["case"] == "a"
    assert first["error"].startswith("ValueError: no such kernel (test_gpu_work.py:")
    assert (second["lines"], second["error"]) == ([{"says": "3 ms"}], None)
    assert part.pending() is None
    assert "b: 3 ms" in capsys.readouterr().out


def test_a_lost_device_ends_the_process_and_the_next_goes_on(part):
    calls = []
    cases = [Case("a", fails), Case("b", lambda: calls.append("b") or [])]
    assert not worker.work(cases, part, dataclasses.replace(PLACE, clock=LostClock()), LATER, HANGS)
    assert [entry["case"] for entry in part.cases()] == ["a"]
    assert worker.work(cases, part, PLACE, LATER, HANGS)
    assert [entry["case"] for entry in part.cases()] == ["a", "b"]
    assert calls == ["b"]


def test_an_error_that_comes_late_belongs_to_the_case_that_made_it(part):
    place = dataclasses.replace(PLACE, clock=LostClock())
    assert not worker.work([Case("a", list)], part, place, LATER, HANGS)
    assert "illegal memory access" in part.cases()[0]["error"]


def test_no_case_begins_when_the_time_is_over(part):
    assert worker.work([Case("a", fails)], part, PLACE, 0.0, HANGS)
    assert part.cases() == [{"case": "a", "lines": [], "error": NO_TIME}]


def test_a_line_that_was_cut_off_is_no_line(part):
    with part.path.open("a") as file:
        file.write('{"case": "a", "li')
    assert part.cases() == []
    assert part.header["section"] == "kernels"


ENDS_EARLY = """
import json, os, sys
_, path, _ = sys.argv[1:]
lines = [json.loads(line) for line in open(path)]
done = [line["case"] for line in lines if "case" in line]
def write(**entry):
    with open(path, "a") as file:
        file.write(json.dumps(entry) + "\\n")
for name in "abc":
    if name in done:
        continue
    write(begin=name)
    if name == "b":
        os._exit(7)
    write(case=name, lines=[], error=None)
"""


def test_a_process_that_ends_in_a_case_is_followed_by_another(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(ENDS_EARLY)
    part = Part(tmp_path / "kernels.jsonl")
    run.run_section("kernels", part, (str(script),))
    assert [(entry["case"], entry["error"]) for entry in part.cases()] == [
        ("a", None),
        ("b", "its process ended with status 7"),
        ("c", None),
    ]
    assert "seconds" in part.entries()[-1]


HANGS_IN_A_CASE = """
import sys, time
from pathlib import Path
from bench.gpu import worker
from bench.gpu.case import Case, Part
from bench.gpu.place import Place
worker.work([Case("a", lambda: time.sleep(60)), Case("b", list)], Part(Path(sys.argv[2])), Place.processor(), 1e9, 0.2)
"""


def test_a_case_that_hangs_is_ended_and_the_others_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(bench_folder.FOLDER.parent))
    script = tmp_path / "worker.py"
    script.write_text(HANGS_IN_A_CASE)
    part = Part(tmp_path / "kernels.jsonl")
    run.run_section("kernels", part, (str(script),))
    assert [(entry["case"], entry["error"]) for entry in part.cases()] == [
        ("a", "its process ended with status 1"),
        ("b", None),
    ]


def test_a_process_that_never_starts_is_tried_once(tmp_path):
    part = Part(tmp_path / "kernels.jsonl")
    run.run_section("kernels", part, ("-c", "import sys; sys.exit(5)"))
    assert [entry["error"] for entry in part.cases()] == ["the section's process ended with status 5"]


def test_sections_run_in_order_and_what_the_others_need_comes_first(tmp_path, monkeypatch):
    ran = []

    def section(name, part):
        ran.append(name)
        part.start(section=name, date="2026-01-02T03:04:05+00:00")
        lines = [{"card": {"name": "NVIDIA H100 80GB HBM3"}}] if name == "versions" else []
        part.write(case=name, lines=lines, error=None)

    monkeypatch.setattr(run, "run_section", section)
    assert run.check(tmp_path, ["kernels"])
    assert run.check(tmp_path, ["conv"])
    assert ran == ["versions", "ceilings", "kernels", "conv"]
    assert (tmp_path / "cuda-2026-01-02-NVIDIA-H100-80GB-HBM3.json").exists()


def test_what_failed_is_told_before_what_did_not_begin():
    cases = [
        {"case": "a", "lines": [], "error": NO_TIME},
        {"case": "b", "lines": [{"passed": False, "says": "wrong"}, {"passed": True, "says": ""}], "error": None},
    ]
    found = {"sections": {"kernels": {"cases": cases}}}
    assert record.problems(found) == [("kernels", "b", "wrong"), ("kernels", "a", NO_TIME)]


def test_a_summary_says_what_failed_first():
    lines = [{"passed": True, "says": "x"}, {"passed": False, "says": "y"}]
    assert sections.summary(lines) == "FAILED y"
    assert sections.summary(lines[:1] * 2) == "2 passed"
    assert sections.summary([]) == "done"


def test_a_worker_reads_its_command_line(part, monkeypatch):
    monkeypatch.setattr(Place, "gpu", classmethod(lambda cls, processes: PLACE))
    monkeypatch.setattr(sections.Section, "cases", lambda self, place: iter([Case("a", list)]))
    monkeypatch.setattr(sys, "argv", ["worker", "kernels", str(part.path), "60"])
    worker.main()
    assert [entry["case"] for entry in part.cases()] == ["a"]
