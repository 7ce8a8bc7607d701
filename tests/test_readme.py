"""What the README shows, works."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
LIBRARY, RENAMED, PROFILER = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_library_and_the_profiler_do_what_their_examples_show(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(LIBRARY, names)
    accuracy = float((names["predicted"] == names["labels"][1500:]).float().mean())
    assert accuracy > 0.8
    assert {name: array.shape[1:] for name, array in names["maps"].items()} == {
        "conv1": (16, 8, 8),
        "pool1": (16, 4, 4),
        "conv2": (32, 4, 4),
    }
    assert "conv1" in capsys.readouterr().out
    exec(PROFILER, names)
    assert "Conv2d" in capsys.readouterr().out
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]


def test_the_renamed_imports_are_those_of_the_script():
    script = (ROOT / "examples" / "mnist_style.py").read_text()
    imports = re.findall(r"^(?:import|from) torch.*$", script, re.MULTILINE)
    renamed = [
        re.sub(r"^(import|from) torch\.", r"\1 tinyconv.", line).replace("import torch", "import tinyconv as torch")
        for line in imports
    ]
    assert sorted(renamed) == sorted(RENAMED.split("\n")[:-1])


def test_the_command_that_renames_the_imports_leaves_no_pytorch():
    command = re.search(r"^(sed .*?) > mnist.py", README, re.MULTILINE | re.DOTALL)[1]
    renamed = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in RENAMED.splitlines():
        assert line in renamed.splitlines()
    assert not re.search(r"^(import|from) torch", renamed, re.MULTILINE)


def test_every_picture_is_there():
    pictures = re.findall(r"!\[[^]]+]\(([^)]+)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


def test_the_two_lines_of_a_newcomer_are_there():
    lines = [line for line in README.splitlines() if line.startswith("python -m pip install")]
    assert lines[:2] == [
        "python -m pip install . && tinyconv train",
        'python -m pip install ".[test]" && python -m pytest',
    ]
