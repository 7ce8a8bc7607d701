"""``tinyconv kernels``: the weights that a run has learnt, layer by layer."""

from __future__ import annotations

from pathlib import Path

import click

from .options import announce_compilation, checkpoint, say


@click.command("kernels")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    default="*",
    show_default=True,
    metavar="PATTERNS",
    help="Layers by name, shell-style and separated by commas, as in 'conv*,fc'.",
)
@click.option(
    "--channels",
    metavar="RANGES",
    help="Output channels of each layer, as in 0-31 or 0,4,7.  [default: all, or those of the largest norm]",
)
@click.option("--format", "formats", default="png,npz", show_default=True, metavar="FORMATS", help="png, npz or both.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.  [default: RUN/features/kernels]"
)
@click.option("--force", is_flag=True, help="Replace kernels that are in the folder already.")
@checkpoint
def command(
    run_folder: Path, layers: str, channels: str | None, formats: str, out: Path | None, force: bool, checkpoint: str
) -> None:
    """Draw the kernels of the model trained in the folder RUN: a PNG per layer, and all in one npz.

    A kernel is what a channel compares each place of its input with. The paths of the files written are printed.

    \b
    Examples:
      tinyconv kernels runs/0001
      tinyconv kernels runs/0001 --layers conv2 --channels 0-15 --format png --out kernels
    """
    import numpy as np

    from tinyconv.core.errors import RunError
    from tinyconv.features.kernels import dump_kernels, kernels_of
    from tinyconv.train import environment, load_run

    run = load_run(run_folder, checkpoint)
    patterns = [pattern.strip() for pattern in layers.split(",")]
    blank = np.zeros((run.preprocessing.channels, *run.preprocessing.image_size), np.float32)
    folder = out or run_folder / "features" / "kernels"
    if not force and folder.is_dir() and any(folder.iterdir()):
        kernels_of(run.model, blank, tuple(patterns))  # of two mistakes, a wrong layer is named first
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    meta = {
        "run": str(run_folder),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "seed": run.record.get("seed"),
        "versions": environment.versions(),
    }
    with announce_compilation():
        written = dump_kernels(
            run.model,
            blank,
            folder,
            patterns=patterns,
            channels=channels,
            formats=formats,
            epoch=run.epoch,
            subject=str(run.record.get("model", {}).get("name", "")),
            meta=meta,
            message=lambda text: say(text, err=True),
        )
    for path in written:
        say(path)
