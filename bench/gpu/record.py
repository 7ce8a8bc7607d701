"""The one file that a check leaves: what all sections found, on which card, with what versions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.gpu.case import NO_TIME, Part

Record = dict[str, Any]


def gathered(parts: dict[str, Part]) -> Record:
    """The record of the sections that have run, as far as they came."""
    sections = {}
    for name, part in parts.items():
        entries = part.entries()
        if entries:
            seconds = next((entry["seconds"] for entry in entries if "case" not in entry and "seconds" in entry), None)
            sections[name] = {"date": part.header["date"], "seconds": seconds, "cases": part.cases()}
    record: Record = {"measurement": "cuda", "date": "", "card": {}, "versions": {}, "driver": {}, "sections": sections}
    record["date"] = max((section["date"] for section in sections.values()), default="")[:10]
    for line in lines_of(record, "versions"):
        record |= {key: line[key] for key in ("card", "versions", "driver") if key in line}
    return record


def lines_of(record: Record, section: str) -> list[dict[str, Any]]:
    """All that the cases of ``section`` found."""
    return [line for case in record["sections"].get(section, {"cases": []})["cases"] for line in case["lines"]]


def ceilings(record: Record) -> dict[str, float]:
    """Bytes and operations per second that were measured."""
    return {line["ceiling"]: line["rate"] for line in lines_of(record, "ceilings")}


def problems(record: Record) -> list[tuple[str, str, str]]:
    """Section, case, and what went wrong: an error, or a result that did not pass; last, what there was no time for."""
    found = []
    for name, section in record["sections"].items():
        for case in section["cases"]:
            if case["error"]:
                found.append((name, case["case"], case["error"]))
            found += [(name, case["case"], line["says"]) for line in case["lines"] if line.get("passed") is False]
    return sorted(found, key=lambda problem: problem[2] == NO_TIME)


def title(record: Record) -> str:
    """As files are called: cuda-DATE-CARD."""
    card = re.sub(r"[^A-Za-z0-9]+", "-", record["card"].get("name", "unknown card")).strip("-")
    return f"cuda-{record['date']}-{card}"


def keep(folder: Path, record: Record) -> Path:
    """Write the JSON."""
    path = folder / f"{title(record)}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path
