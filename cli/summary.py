"""``tinyconv summary``: what a model consists of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import ImageSize, WholeNumber, say

if TYPE_CHECKING:
    from tinyconv.nn import Module


@click.command("summary")
@click.argument("model", metavar="MODEL|RUN")
@click.option("--input-size", type=ImageSize(), help="Image size, as in 56x46 (height, width) or 64.")
@click.option("--channels", type=WholeNumber(min=1), metavar="N", help="Channels of the image.")
@click.option("--classes", type=WholeNumber(min=1), metavar="N", help="Number of classes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the key `parameters` has the total.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line per layer.")
def command(
    model: str,
    input_size: tuple[int, int] | None,
    channels: int | None,
    classes: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show the layers of a model by name, or of the model trained in a run folder, as a tree.

    A model by name is shown as it was published, but for what --input-size, --channels and --classes say otherwise.
    Each layer with its output for one image, parameters, multiply-adds, memory (results and parameters) and receptive
    field in pixels. A layer used in several places is counted once.

    \b
    Examples:
      tinyconv summary facenet --input-size 64x64 --classes 40
      tinyconv summary runs/0001 --json
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other; give one", click.get_current_context())
    from tinyconv.models.summary import summary

    built, shape = network(model, input_size, channels, classes)
    result = summary(built, shape)
    if as_json:
        say(json.dumps(result.to_dict(), indent=2))
    elif as_csv:
        say(result.to_csv().rstrip("\n"))
    else:
        say("\n".join(line.rstrip() for line in str(result).splitlines()).strip("\n"))


def network(
    name: str, input_size: tuple[int, int] | None, channels: int | None, classes: int | None
) -> tuple[Module, tuple[int, int, int]]:
    """The model that ``name`` (of a model, or a run folder) means, and the shape of its images."""
    from tinyconv.models import registry

    if name in registry.names():
        published = registry.published(name)
        channels, classes, (height, width) = (
            channels or published[0],
            classes or published[1],
            input_size or published[2],
        )
        return registry.build(name, channels, classes, (height, width)), (channels, height, width)
    if not Path(name).exists():
        listed = ", ".join(registry.names())
        raise click.BadParameter(f"{name!r} is neither a model ({listed}) nor a run folder", param_hint="MODEL|RUN")
    if input_size or channels or classes:
        raise click.UsageError(
            "a run has its own image size, channels and classes; give --input-size, --channels and --classes only with "
            "the name of a model",
            click.get_current_context(),
        )
    from tinyconv.train import load_run

    run = load_run(name)
    return run.model, (run.preprocessing.channels, *run.preprocessing.image_size)
