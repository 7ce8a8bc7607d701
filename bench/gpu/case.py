"""What a section is made of, and the file in which each of its cases leaves what it found as soon as it is done.

The file has one JSON object a line: first what the section ran on, then ``{"begin": NAME}`` before and ``{"case": NAME,
"lines": [...], "error": ...}`` after each case. So a process that is killed leaves all but its last case.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]

NO_TIME = "no time left"
"""What is said of a case that did not begin."""


@dataclass(frozen=True)
class Case:
    """One piece of work that may fail without the others. ``run`` gives its lines."""

    name: str
    run: Callable[[], Lines]


class Part:
    """The file of one section."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, **header: Any) -> None:
        """Begin anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("")
        self.write(**header)

    def write(self, **entry: Any) -> None:
        """Add a line, and see it on the disk."""
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """All lines; none where there is no file. A last one that was cut off is no line."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]

    @property
    def header(self) -> dict[str, Any]:
        """What the section ran on."""
        return next(iter(self.entries()), {})

    def cases(self) -> list[dict[str, Any]]:
        """What the finished cases left."""
        return [entry for entry in self.entries() if "case" in entry]

    def pending(self) -> str | None:
        """The case that began and did not end."""
        entries = self.entries()
        return entries[-1].get("begin") if entries else None
