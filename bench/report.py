"""What every measurement does at its end: say on what it ran, and keep the numbers."""

from __future__ import annotations

import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

PEERS = ("torch", "onnxruntime", "onnx")


def keep(path: Path | None, name: str, rows: list[dict[str, Any]], **more: Any) -> None:
    """Write ``rows``, ``more`` about the run, and the machine to ``path``, if one was given."""
    if path is None:
        return
    from tinyconv.train import environment

    record = {
        "measurement": name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": environment.machine(),
        "versions": environment.versions() | peer_versions(),
        **more,
        "rows": rows,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(path)


def peer_versions() -> dict[str, str]:
    """Those of the peers that are installed."""
    found = {}
    for package in PEERS:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
