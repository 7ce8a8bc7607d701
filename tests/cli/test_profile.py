"""``tinyconv profile`` prints a table or JSON, and keeps a trace."""

import json
from pathlib import Path

from command import tinyconv

OPTIONS = ("--input-size", "12", "--batch", "2", "--steps", "2")


def test_a_table_of_the_layers_with_averages_per_step() -> None:
    outcome = tinyconv("profile", "lenet", *OPTIONS)
    assert outcome.code == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0].startswith("2 steps, averages per step; the whole block: in all")
    assert [line.split()[0] for line in lines[3:5]] == ["LeNet", "conv1"]
    assert any(line.split()[0] == "(outside)" for line in lines[3:])


def test_json_counts_the_arithmetic_of_all_steps_and_the_trace_opens(tmp_path: Path) -> None:
    outcome = tinyconv("profile", "lenet", *OPTIONS, "--json", "--trace", tmp_path / "trace.json")
    report = json.loads(outcome.stdout)
    layers = {layer["layer"]: layer for layer in report["layers"]}
    assert report["steps"] == layers[""]["calls"] == 2
    assert layers["conv1"]["forward_multiply_adds"] == 2 * 2 * 12 * 12 * 6 * 25
    assert layers["conv1"]["backward_multiply_adds"] == layers["conv1"]["forward_multiply_adds"]
    assert layers["conv2"]["backward_multiply_adds"] == 2 * layers["conv2"]["forward_multiply_adds"]
    assert report["compile_ns"] == 0, "a first step has compiled the kernels"
    assert len(json.loads((tmp_path / "trace.json").read_text())["traceEvents"]) > 100


def test_the_path_of_the_trace_is_printed_and_does_not_disturb_the_json(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    assert tinyconv("profile", "lenet", *OPTIONS, "--trace", path).stdout.splitlines()[-1] == f"trace      {path}"
    outcome = tinyconv("profile", "lenet", *OPTIONS, "--trace", path, "--json")
    assert json.loads(outcome.stdout)["steps"] == 2
    assert str(path) in outcome.stderr


def test_a_trace_in_a_folder_that_is_missing_is_refused_like_that_of_a_script(tmp_path: Path) -> None:
    outcome = tinyconv("profile", "lenet", *OPTIONS, "--trace", tmp_path / "nowhere" / "trace.json")
    assert outcome.code == 2
    assert "cannot be written: no such file or directory; choose another folder" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_table_says_which_products_it_counts() -> None:
    lines = tinyconv("profile", "lenet", *OPTIONS).stdout.splitlines()
    assert lines[0].endswith("mult-adds are those of the whole batch, forward and backward")
    assert "fwd+bwd mult-adds" in lines[1]


def test_an_unknown_amount_is_refused_in_one_line() -> None:
    outcome = tinyconv("profile", "lenet", *OPTIONS, "--sort-by", "speed")
    assert outcome.code == 2
    assert "cannot sort by 'speed'; the amounts are total_time" in outcome.stderr
