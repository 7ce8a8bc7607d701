"""ONNX's own cases for its operators: how many pass, fail, and are refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from bench.onnx_cases import LISTED, Outcome, of_folder, of_operators, outcomes
from bench.report import keep

RESULTS = ("passed", "failed", "unsupported")


@click.command("onnx", help=__doc__)
@click.option("--all", "everything", is_flag=True, help="Cases of all operators, not only of those that must pass.")
@click.option(
    "--data",
    "folders",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folders of cases, such as onnx/backend/test/data/node of onnx 1.17, instead of the installed package's.",
)
@click.option("--reasons", is_flag=True, help="Print why each case failed or was refused.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(everything: bool, folders: tuple[Path, ...], reasons: bool, out: Path | None) -> None:
    """Run the cases and print a table."""
    if folders:
        cases = [case for folder in folders for case in of_folder(folder)]
        cases = cases if everything else [case for case in cases if case.operator in LISTED]
    else:
        cases = of_operators(None if everything else LISTED)
    found = list(outcomes(cases))
    rows = [row_of(operator, found) for operator in sorted({outcome.operator for outcome in found})]
    click.echo(table(rows))
    troubles = [outcome for outcome in found if outcome.result != "passed"]
    for outcome in troubles if reasons else [one for one in troubles if one.result == "failed"]:
        click.echo(f"{outcome.result}: {outcome.case}: {outcome.reason}")
    told = [{"case": one.case, "result": one.result, "reason": one.reason} for one in troubles]
    keep(out, "onnx", rows, cases=len(found), folders=[folder.name for folder in folders], not_passed=told)


def row_of(operator: str, found: list[Outcome]) -> dict[str, Any]:
    """How many of the operator's cases came to which end."""
    counts = Counter(outcome.result for outcome in found if outcome.operator == operator)
    return {"operator": operator, **{result: counts[result] for result in RESULTS}}


def table(rows: list[dict[str, Any]]) -> str:
    """An operator a line, and the totals."""
    total = {"operator": "total", **{result: sum(row[result] for row in rows) for result in RESULTS}}
    width = max(len(row["operator"]) for row in [*rows, total])
    lines = [f"{'operator':{width}} {'passed':>8} {'failed':>8} {'unsupported':>12}"]
    lines += [
        f"{row['operator']:{width}} {row['passed']:8} {row['failed']:8} {row['unsupported']:12}"
        for row in [*rows, total]
    ]
    return "\n".join(lines)
