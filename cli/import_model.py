"""``tinyconv import``: a network from an ONNX file as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import ImageSize, announce_compilation, say

MOST_LISTED = 5


class PerChannel(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Text such as "0.5" or "0.485,0.456,0.406", as numbers."""

    name = "X,X,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or not all(abs(number) < 1e9 for number in numbers):
            self.fail(f"{value!r} is not a list of numbers; write for example 0.485,0.456,0.406", param, ctx)
        return numbers


@click.command("import")
@click.argument("file", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="The run folder.  [default: runs/MODEL]")
@click.option(
    "--classes",
    metavar="NAMES",
    help="Their names as in cat,dog, or a text file with one a line.  [default: the file's]",
)
@click.option("--mean", type=PerChannel(), help="Of pixels in [0, 1], for each channel.  [default: the file's, or 0]")
@click.option("--std", type=PerChannel(), help="What (pixel - mean) is divided by.  [default: the file's, or 1]")
@click.option("--image-size", type=ImageSize(), help="Height and width, where the file leaves them open.")
@click.option("--output", metavar="NAME", help="Which output, of several.  [default: the first]")
@click.option("--data", metavar="NAME", help="Images to judge the run by, named as in tinyconv train.")
@click.option("--force", is_flag=True, help="Replace a run that is in the folder already.")
def command(
    file: Path,
    out: Path | None,
    classes: str | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    image_size: tuple[int, int] | None,
    output: str | None,
    data: str | None,
    force: bool,
) -> None:
    """Make a run of the image classifier in an ONNX file: predict, features, explain, report and the rest work on it.

    The file must hold a network of offered operators that takes images (N, channels, height, width) and gives a number
    for each class. What tinyconv export wrote names its classes and its normalisation; of other files say what they
    are. Needs pip install 'tinyconv[onnx]'.

    \b
    Examples:
      tinyconv import faces.onnx --out runs/faces
      tinyconv import resnet18.onnx --classes imagenet.txt --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
      tinyconv import digits.onnx --classes 0,1,2,3,4,5,6,7,8,9 --data mnist:data/mnist
    """
    from tinyconv.interop.onnx import import_run
    from tinyconv.train.run_folder import DEFAULT_PARENT

    folder = out or DEFAULT_PARENT / file.stem
    with announce_compilation():
        imported = import_run(
            file,
            folder,
            classes=None if classes is None else _names(classes),
            mean=mean,
            std=std,
            image_size=image_size,
            output=output,
            data=data,
            force=force,
        )
    for note in imported.notes:
        say(f"Note: {note}", err=True)
    parameters = sum(parameter.numel() for parameter in imported.model.parameters())
    size = "x".join(map(str, (imported.preprocessing.channels, *imported.preprocessing.image_size)))
    listed = ", ".join(imported.classes[:MOST_LISTED]) + (", ..." if len(imported.classes) > MOST_LISTED else "")
    say(f"{parameters:,} parameters; images {size}; {len(imported.classes)} classes: {listed}", err=True)
    say(folder)


def _names(text: str) -> list[str]:
    """The names in a list, or in a file with one a line."""
    from tinyconv.core.errors import ArgumentError

    path = Path(text)
    if not path.is_file():
        if "," not in text and (path.suffix or "/" in text):
            raise ArgumentError(f"--classes: the file {text} does not exist; give a text file, or names as in cat,dog")
        return [name.strip() for name in text.split(",")]
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"--classes: {text} is no text file ({error})") from None
