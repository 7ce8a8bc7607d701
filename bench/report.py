"""What every measurement does at its end: say on what it ran, and keep the numbers."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click


def machine() -> dict[str, Any]:
    """The processor, the threads and the versions behind a measurement."""
    import tinyconv as tc
    from tinyconv.backends.cpu.host import host

    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": host().name,
        "cores": os.cpu_count(),
        "threads": tc.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("tinyconv", "numba", "numpy", "scikit-learn")},
    }


def keep(path: Path | None, name: str, rows: list[dict[str, Any]]) -> None:
    """Write ``rows`` and the machine to ``path``, if one was given."""
    if path is None:
        return
    path.write_text(json.dumps({"measurement": name, "machine": machine(), "rows": rows}, indent=1) + "\n")
    click.echo(path)
