"""``tinyconv export``: a trained run as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from .options import WholeNumber, announce_compilation, checkpoint, say


@click.command("export")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("file", metavar="MODEL.onnx", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--batch-size", type=WholeNumber(min=1), metavar="N", help="Of the file's input.  [default: any]")
@click.option("--opset", type=WholeNumber(min=1), metavar="N", help="Version of ONNX's operators.  [default: 18]")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@checkpoint
def command(
    run_folder: Path, file: Path, batch_size: int | None, opset: int | None, force: bool, checkpoint: str
) -> None:
    """Write the model trained in the folder RUN as an ONNX file, for ONNX Runtime and other frameworks.

    The file takes images (N, channels, height, width), normalised as in training, and gives logits (N, classes). The
    names of the classes and the normalisation stand in its metadata, as JSON. It is checked by onnx.checker. Needs
    pip install 'tinyconv[onnx]'.

    \b
    Examples:
      tinyconv export runs/0001 faces.onnx
      tinyconv export runs/0001 faces.onnx --checkpoint best --batch-size 1 --force
    """
    from tinyconv.core.errors import RunError
    from tinyconv.interop.onnx import export_run
    from tinyconv.train import load_run

    run = load_run(run_folder, checkpoint)
    if file.exists() and not force:
        raise RunError(f"{file} exists; choose another name, or replace it (--force)")
    with announce_compilation():
        written = export_run(run, file, opset_version=opset, batch_size=batch_size)
    ends = ", ".join(f"{name} {_by(sizes)}" for name, sizes in (written.inputs | written.outputs).items())
    say(f"{written.operators} operators of opset {written.opset}, checked; {ends}", err=True)
    say(file)


def _by(sizes: tuple[int | str, ...]) -> str:
    return "x".join(map(str, sizes))
