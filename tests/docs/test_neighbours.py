"""What docs/neighbours.md shows, works; an example whose libraries are not all installed skips."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "neighbours.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## ([^\n]+)|^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def examples():
    title, found = "", []
    for heading, code in EXAMPLES:
        title = heading or title
        if code:
            found.append(pytest.param(code, id=f"{title}-{len(found)}"))
    return found


def imported(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("code", examples())
def test_an_example_does_what_it_shows(code, tmp_path, monkeypatch):
    for module in [*imported(code), *(["mtcnn"] if "Mtcnn" in code else [])]:
        if importlib.util.find_spec(module.split(".")[0]) is None:
            pytest.skip(f"{module} is not installed")
    monkeypatch.chdir(tmp_path)
    exec(code, {})


def test_every_picture_and_page_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).is_file(), target
