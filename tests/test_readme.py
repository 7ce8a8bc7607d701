"""What the README shows, works."""

import re
from pathlib import Path

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_the_library_example_learns_the_digits(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(program, names)
    accuracy = float((names["predicted"] == names["labels"][1500:]).float().mean())
    assert accuracy > 0.8
    assert {name: array.shape[1:] for name, array in names["maps"].items()} == {
        "conv1": (16, 8, 8),
        "pool1": (16, 4, 4),
        "conv2": (32, 4, 4),
    }
    assert "conv1" in capsys.readouterr().out


def test_every_picture_is_there():
    pictures = re.findall(r"!\[[^]]+]\(([^)]+)\)", README)
    assert pictures
    assert all((Path(__file__).resolve().parent.parent / picture).is_file() for picture in pictures)


def test_the_two_lines_of_a_newcomer_are_there():
    lines = [line for line in README.splitlines() if line.startswith("python -m pip install")]
    assert lines[:2] == [
        "python -m pip install . && tinyconv train",
        'python -m pip install ".[test]" && python -m pytest',
    ]
