"""``tinyconv compare``: several runs beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import say, shown_table

if TYPE_CHECKING:
    from tinyconv.train import Comparison, RunSummary

DEFAULT_PICTURE = Path("comparison.png")


@click.command("compare")
@click.argument("run_folders", metavar="RUN RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_PICTURE,
    show_default=True,
    metavar="FILE",
    help="The picture (PNG); an earlier one of tinyconv is replaced.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run_folders: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Compare runs: the curves of all in one picture, and a table of what differs and what came of it.

    Runs that were interrupted, failed, or are still going on are compared by the epochs that they finished. Where data,
    held-out images or machines differ, it is said, because then not all figures compare.

    \b
    Examples:
      tinyconv compare runs/0001 runs/0002
      tinyconv compare tune/0001/trials/* --out trials.png
    """
    from tinyconv.core.errors import RunError
    from tinyconv.train import compare, comparison_png
    from tinyconv.train.run_folder import drawn_by_tinyconv
    from tinyconv.utils.files import write_atomically

    if out.exists() and not drawn_by_tinyconv(out):
        raise RunError(f"{out} exists and is no picture of tinyconv; choose another file (--out)")
    comparison = compare(run_folders)
    picture = comparison_png(comparison)
    write_atomically(out, picture)
    if as_json:
        say(json.dumps(_json(comparison), indent=2, ensure_ascii=False))
    else:
        say(table(comparison))
    for warning in comparison.warnings:
        say(f"beware     {warning}", err=as_json)
    say(f"curves     {out}", err=as_json)


def table(comparison: Comparison) -> str:
    """A line for each run, in the order in which they were given."""
    rows = [
        (
            run.name,
            comparison.difference(run) or "nothing",
            run.status,
            f"{run.epochs}/{run.recipe.get('epochs', '?')}",
            _number(run.last_loss, "{:.4f}"),
            _number(run.best_loss, "{:.4f}"),
            _number(run.last_accuracy, "{:.2%}"),
            _number(run.best_accuracy, "{:.2%}"),
            _number(run.images_per_second, "{:.0f}"),
        )
        for run in comparison.runs
    ]
    headers = ("run", "what differs", "status", "epochs", "loss", "best", "accuracy", "best", "images/s")
    return shown_table(headers, rows, "lllrrrrrr")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _json(comparison: Comparison) -> dict[str, Any]:
    def entry(run: RunSummary) -> dict[str, Any]:
        return {
            "run": str(run.path),
            "status": run.status,
            "epochs": run.epochs,
            "differs": {name: run.recipe.get(name) for name in comparison.differing},
            "held_out_loss": run.last_loss,
            "best_held_out_loss": run.best_loss,
            "held_out_accuracy": run.last_accuracy,
            "best_held_out_accuracy": run.best_accuracy,
            "images_per_second": run.images_per_second,
        }

    return {"runs": [entry(run) for run in comparison.runs], "warnings": list(comparison.warnings)}
