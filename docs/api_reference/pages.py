"""Markdown from names and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from api_reference.docstring import Description, parse
from api_reference.families import title_of
from api_reference.names import Name, main_names, public_names
from api_reference.signatures import signature, value
from api_reference.tables import index_page, tensor_table

ROOT = Path(__file__).resolve().parent.parent.parent
NOTICE = "<!-- Made by `python docs/build.py` from the docstrings. Edit those. -->\n\n"


def reference() -> dict[str, str]:
    """The text of every page, by its file name."""
    names = public_names()
    groups = main_names(names)
    pages: dict[str, list[str]] = {}
    for group in groups.values():
        if group[0].kind != "module":
            pages.setdefault(group[0].page, []).append(_entry(group))
    texts = {
        f"{page}.md": f"{NOTICE}# {title_of(page)}\n\n[All names](index.md)\n\n" + "\n".join(entries)
        for page, entries in pages.items()
    }
    texts["index.md"] = NOTICE + index_page(groups, sorted(pages))
    texts["tensor-table.md"] = NOTICE + tensor_table(groups)
    return texts


def _entry(group: list[Name]) -> str:
    name = group[0]
    lines = [f'<a id="{other.text}"></a>' for other in group]
    lines += [f"## `{name.text}`", ""]
    if len(group) > 1:
        lines += ["Also: " + ", ".join(f"`{other.text}`" for other in group[1:]), ""]
    if name.kind == "value":
        return "\n".join([*lines, f"`{value(name.thing)}`", "", _where(group), ""])
    if name.kind in ("function", "class"):
        lines += ["```python", signature(name.text, name.thing), "```", ""]
    lines += _body(parse(name.docstring), [_where(group), _source_file(name)])
    if name.kind == "class":
        lines += _members(name)
    return "\n".join(lines)


def _body(description: Description, facts: list[str]) -> list[str]:
    lines = [_inline(description.summary), "", *_prose(description.prose)]
    facts = [f"**{label}:** {_inline(text)}" for label, text in description.fields.items()] + facts
    lines += [f"- {fact}" for fact in facts if fact] + [""]
    if description.example:
        lines += ["```python", *description.example.rstrip().split("\n"), "```", ""]
    return lines


def _where(group: Iterable[Name]) -> str:
    found = dict.fromkeys(name.pytorch for name in group if name.pytorch)
    return "**PyTorch:** " + (", ".join(f"`{where}`" for where in found) if found else "has no such name")


def _source_file(name: Name) -> str:
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(name.documented_object)) or "").resolve()
    except TypeError:
        return ""
    for folder in (Path(inspect.getfile(_package())).resolve().parent, ROOT):
        if path.is_relative_to(folder):
            below = path.relative_to(folder)
            shown = below if folder == ROOT else Path("tinyconv") / below
            return f"**Code:** [{shown.as_posix()}](../../{shown.as_posix()})"
    return ""


def _package() -> Any:
    import tinyconv

    return tinyconv


def _members(name: Name) -> list[str]:
    """The public methods and properties that a class adds to those of its bases; ``forward`` is the call itself."""
    lines: list[str] = []
    for member, raw in vars(name.thing).items():
        thing = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
        text = getattr(thing.fget if isinstance(thing, property) else thing, "__doc__", None)
        if member.startswith("_") or member == "forward" or not text or not _documents(thing):
            continue
        description = parse(inspect.cleandoc(text))
        shown = member if isinstance(thing, property) else signature(member, thing, drop_self=True)
        lines += [f"### `{name.short}.{member}`", ""]
        if not isinstance(thing, property):
            lines += ["```python", shown, "```", ""]
        lines += _body(description, [])
    return lines


def _documents(thing: Any) -> bool:
    return isinstance(thing, property) or inspect.isfunction(thing)


def _prose(lines: list[str]) -> list[str]:
    """Paragraphs; what is indented becomes a code block, a line that begins with a quoted name an item of a list."""
    text: list[str] = []
    in_code = fenced = False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
            text.append("```python" if fenced else "```")
            continue
        if fenced:
            text.append(line)
            continue
        indented = line.startswith("    ") and bool(line.strip())
        if indented and not in_code and text and text[-1]:
            if text[-1].startswith(("- ", "  ")):
                text.append("  " + _inline(line.strip()))
                continue
            text.append("")
        if not indented and in_code and line.strip():
            text.append("")
        in_code = indented or (in_code and not line.strip())
        if indented:
            text.append(line)
        elif re.match(r"``[^`]+``(?:, ``[^`]+``)*: ", line):
            text.append("- " + _inline(line))
        else:
            text.append(("  " if text and text[-1].startswith(("- ", "  ")) and line.strip() else "") + _inline(line))
    return [*text, ""] if text else []


def _inline(text: str) -> str:
    """Double backquotes become single ones; what looks like HTML outside them is escaped."""
    pieces = re.split(r"``(.+?)``", text)
    return "".join(
        f"`{piece}`" if number % 2 else piece.replace("<", "&lt;").replace("*", "\\*")
        for number, piece in enumerate(pieces)
    )
