"""``tinyconv info``: what tinyconv found on this machine."""

from __future__ import annotations

import json
from typing import Any

import click

from .options import say


@click.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show versions, processor, vector width and register tile, threads, kernel cache and GPU.

    \b
    Example:
      tinyconv info --json
    """
    from tinyconv.train import environment

    facts: dict[str, Any] = {
        **environment.versions(),
        **environment.machine(),
        "kernel cache": environment.kernel_cache(),
        "gpu": environment.gpu(),
    }
    if as_json:
        say(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        say(f"{name.ljust(width)}  {value}")
