"""tinyconv on a GPU: every kernel checked against float64, and timed beside PyTorch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bench.gpu.sections import SECTIONS
from tinyconv.core import gpu

NO_GPU = 2
"""The exit status where there is no GPU to check."""


@click.command("cuda", help=__doc__)
@click.option("--check", is_flag=True, help="Check every kernel on the GPU that is here, and time it.")
@click.option("--compile", "compiles", is_flag=True, help="List what every kernel compiles to; needs no GPU.")
@click.option("--only", default="", help="Of the kernels to compile: those with this in their names.")
@click.option("--section", type=click.Choice(list(SECTIONS)), multiple=True, help="Only this part of the check.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for what the check finds: JSON, tables, a chart.",
)
def command(check: bool, compiles: bool, only: str, section: tuple[str, ...], out: Path | None) -> None:
    """Run what was asked for."""
    if compiles:
        from bench.compiled_kernels import report

        report(out, only)
        return
    if not check:
        raise click.UsageError("say what to do: --check or --compile")
    if out is None:
        raise click.UsageError("--check needs --out FOLDER")
    reason = gpu.problem()
    if reason is not None:
        click.echo(f"no GPU to check: {reason}", err=True)
        sys.exit(NO_GPU)
    from bench.gpu.run import check as run

    sys.exit(0 if run(out, list(section or SECTIONS)) else 1)
