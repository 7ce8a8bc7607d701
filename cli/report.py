"""``tinyconv report``: everything about a trained run in one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, threads


@click.command("report")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The HTML file to write.  [default: RUN/report.html]",
)
@click.option(
    "--data",
    metavar="NAME",
    help="Images to show, named as in tinyconv train; their classes are matched by name.  [default: what RUN held out]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.option("--seed", type=WholeNumber(min=0), default=0, show_default=True, help="Of everything that is random.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    out: Path | None,
    data: str | None,
    force: bool,
    seed: int,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Write all there is to see of the run in the folder RUN into one HTML file, which needs no network.

    How good the network became and what it confuses; its layers and what they see; feature maps from epoch to epoch;
    the arithmetic of any cell and any weight; what each unit looks for; why the network decides as it does.

    The same run and seed give the same file, byte for byte.

    \b
    Examples:
      tinyconv report runs/0001
      tinyconv report runs/0001 -o report.html --force
      tinyconv report runs/imported --data folder:photos
    """
    from tinyconv.core.devices import Device
    from tinyconv.report import check_file, make_report
    from tinyconv.train import load_run

    apply_threads(threads)
    run = load_run(run_folder, checkpoint, Device(device))
    path = out or run.path / "report.html"
    check_file(path, force)
    with announce_compilation():
        report = make_report(run, seed=seed, message=lambda text: say(text, err=True), data=data)
    say(report.save(path))
