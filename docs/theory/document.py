"""``docs/theory.md`` from the chapters in ``text/``: numbers from the worked example, code from the package.

A chapter is Markdown in which « » hold Python expressions over ``example.py``, ``sums.py`` and the functions below
(Jinja's syntax, with these signs in place of the braces that formulas are full of):

    «plain(y[0, 0, 0, 1])»                  a number            «matrix(w)»           an array inside a formula
    «% call equation("forward") %» ... «% endcall %»            a numbered equation, and the functions that compute it
    «eq("forward")»                         a reference to it   «code(path, "first", "last")»    lines of a function
    «figure("stride", "What it shows.")»    a picture
"""

from __future__ import annotations

import importlib
import inspect
import operator
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from theory import example, sums, tables
from theory.equations import EQUATIONS
from theory.figures import figures
from tinyconv.backends.reference import winograd

DOCS = Path(__file__).resolve().parent.parent
CHAPTERS = sorted((DOCS / "theory" / "text").glob("*.md"))
NOTICE = "<!-- Made by `python docs/build.py` from docs/theory: edit the chapters there. -->\n\n"
NUMBERS = {label: number for number, label in enumerate(EQUATIONS, start=1)}


def pages() -> dict[Path, str]:
    """The document and its pictures, each with the text that it should have."""
    pictures = {DOCS / "images" / "theory" / f"{name}.svg": svg for name, svg in figures().items()}
    return {DOCS / "theory.md": document()} | pictures


def document() -> str:
    """The whole text. Raises ``jinja2.UndefinedError`` for a name that the example lacks."""
    environment = jinja2.Environment(
        variable_start_string="«", variable_end_string="»", block_start_string="«%", block_end_string="%»",
        comment_start_string="«#", comment_end_string="#»", undefined=jinja2.StrictUndefined,
        trim_blocks=True, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  Markdown, of nobody's input
    )  # fmt: skip
    own = {"equation": equation, "eq": eq, "code": code, "source": source, "figure": figure, "winograd": winograd}
    names = vars(example) | vars(sums) | vars(tables) | own
    chapters = [environment.from_string(path.read_text(encoding="utf-8")).render(names) for path in CHAPTERS]
    return NOTICE + "\n".join(chapters)


def equation(label: str, caller: Callable[[], str]) -> str:
    """A displayed formula with its number, and below it where it stands in the code."""
    number = NUMBERS[label]
    files: dict[str, list[str]] = {}
    for path in EQUATIONS[label]:
        module, _, name = path.partition(":")
        files.setdefault(module.replace(".", "/") + ".py", []).append(f"`{name}`")
    links = "; ".join(f"{', '.join(names)} in [{file}](../tinyconv/{file})" for file, names in files.items())
    formula = f"```math\n{caller().strip()} \\tag{{{number}}}\n```"
    return f'<a id="eq-{number}"></a>\n\n{formula}\n\n<sub>({number}) in the code: {links}</sub>\n'


def eq(label: str) -> str:
    """A reference to a formula."""
    return f"[({NUMBERS[label]})](#eq-{NUMBERS[label]})"


def function_at(path: str) -> Callable[..., Any]:
    """What "module inside tinyconv:name" means."""
    module, _, name = path.partition(":")
    function: Callable[..., Any] = operator.attrgetter(name)(importlib.import_module(f"tinyconv.{module}"))
    return function


def code(path: str, first: str, last: str) -> str:
    """The lines of a function from the one that begins with ``first`` to the next that begins with ``last``."""
    lines = inspect.getsource(function_at(path)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i, line in enumerate(lines) if i >= start and line.strip().startswith(last))
    return "```python\n" + textwrap.dedent("\n".join(lines[start : end + 1])) + "\n```"


def source(function: Callable[..., Any]) -> str:
    """A whole function."""
    return "```python\n" + inspect.getsource(function).rstrip() + "\n```"


def figure(name: str, words: str) -> str:
    """A picture, and for those who cannot see it what it shows."""
    return f"![{words}](images/theory/{name}.svg)"
