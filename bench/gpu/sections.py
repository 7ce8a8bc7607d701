"""The sections in the order in which they run: what each is, and how long it may take."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place
from tinyconv.utils.speed.own import FAST


@dataclass(frozen=True)
class Section:
    """``seconds``: after so many no further case begins; ``hangs``: a case that takes longer never ends."""

    title: str
    module: str
    seconds: float
    hangs: float = 90

    def cases(self, place: Place) -> Iterator[Case]:
        """Imported when it runs: each section needs its own libraries."""
        found: Iterator[Case] = importlib.import_module(f"bench.gpu.{self.module}").cases(place)
        return found


SECTIONS = {
    "versions": Section("the card and the versions", "versions", 20),
    "compile": Section("every kernel compiled and loaded", "compiling", 240, hangs=400),
    "ceilings": Section("what the card can do", "ceilings", 60),
    "kernels": Section("every function against float64", "kernels", 240),
    "conv": Section("convolutions beside PyTorch", "convolutions", 180),
    "layers": Section("layers beside PyTorch and the memory's bandwidth", "layers", 100),
    "steps": Section("whole training steps beside PyTorch", "steps", 120),
}


def summary(lines: Lines) -> str:
    """What a line on the terminal says of a case that is done: what failed; else everything, if that is little."""
    failed = [str(line["says"]) for line in lines if line.get("passed") is False]
    if failed:
        return "FAILED " + "; ".join(failed)
    judged = [line for line in lines if line.get("passed")]
    if len(judged) > 1:
        return f"{len(judged)} passed"
    return "; ".join(filter(None, map(_short, lines))) or "done"


def _short(line: dict[str, Any]) -> str:
    if "says" in line:
        return str(line["says"])
    if not line.get("rivals"):
        return ""
    own, other = (median(line["seconds"][side]) for side in (FAST, line["rivals"][0]))
    return f"{line['product']} {other / own:.2f} of {line['rivals'][0]}"
