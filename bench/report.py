"""What every measurement does at its end: say on what it ran, and keep the numbers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click


def keep(path: Path | None, name: str, rows: list[dict[str, Any]]) -> None:
    """Write ``rows`` and the machine to ``path``, if one was given."""
    if path is None:
        return
    from tinyconv.train import environment

    record = {
        "measurement": name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": environment.machine(),
        "versions": environment.versions(),
        "rows": rows,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    click.echo(path)
