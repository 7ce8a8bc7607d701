"""``tinyconv verify``: the exact properties of explanation methods, measured on a trained run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads

if TYPE_CHECKING:
    from tinyconv.explain.checks import Finding

FAILED = 1


@click.command("verify")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="NAME",
    help="Other images, named as in tinyconv train; their classes are matched by name.  [default: what RUN held out]",
)
@click.option(
    "--images",
    type=WholeNumber(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="How many images, of as many classes.",
)
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, metavar="N", help="For what is drawn.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    data: str | None,
    images: int,
    seed: int,
    as_json: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Check on the model trained in the folder RUN what theory promises of explanations.

    Each line is an invariant: how far from it the model's own numbers are, and the limit that they must keep. All is
    computed on a copy of the model in float64, where an identity holds to about twelve digits if the code is right.
    The exit code is 1 if an invariant fails.

    \b
    Examples:
      tinyconv verify runs/0001
      tinyconv verify runs/0001 --images 8 --json
    """
    from tinyconv.core.devices import Device
    from tinyconv.explain.checks import verify
    from tinyconv.features import choose_probes
    from tinyconv.train import held_out_images, load_run, other_images

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    judged = held_out_images(run) if data is None else other_images(run, data)
    chosen = choose_probes(judged.labels, images)
    with announce_compilation():
        findings = list(verify(run.model, run.preprocessing.normalize(judged.images[chosen]), seed=seed))
    say(_json(findings) if as_json else _table(findings, run.path.name, len(chosen)))
    if any(finding.failed for finding in findings):
        click.get_current_context().exit(FAILED)


def _table(findings: list[Finding], run: str, images: int) -> str:
    rows = [(one.verdict, one.statement, one.figure, _limit(one), one.note) for one in findings]
    table = shown_table(("", "invariant", "measured", "limit", "of what"), rows, "llrrl")
    failed, applied = (sum(getattr(one, what) for one in findings) for what in ("failed", "applies"))
    outcome = f"{failed} of {applied} invariants FAIL" if failed else f"all {applied} invariants hold"
    skipped = f"; {len(findings) - applied} do not apply to this model" if applied < len(findings) else ""
    return f"{table}\n{outcome} on {run}, {images} image{'s' * (images != 1)}, in float64{skipped}"


def _limit(finding: Finding) -> str:
    if not finding.applies:
        return ""
    return f"{finding.limit:.0e}" if finding.limit else "0"


def _json(findings: list[Finding]) -> str:
    rows = [
        {
            "name": one.name,
            "statement": one.statement,
            "verdict": one.verdict,
            "measured": one.measured,
            "limit": one.limit if one.applies else None,
            "note": one.note,
        }
        for one in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)
