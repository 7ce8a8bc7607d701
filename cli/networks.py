"""The network that an argument MODEL|RUN means, and the options that say how a model by name is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import ImageSize, WholeNumber
from .train_options import ModelOption

if TYPE_CHECKING:
    from tinyconv.nn import Module

CHANGES = {
    "input_size": "--input-size",
    "channels": "--channels",
    "classes": "--classes",
    "model_options": "--model-option",
}


model_options = click.option(
    "--model-option",
    "model_options",
    type=ModelOption(),
    multiple=True,
    help="Of the model, such as head=linear or width=16; several times for several.",
)


def changes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options in which a model by name may be other than it was published."""
    for option in (
        model_options,
        click.option("--classes", type=WholeNumber(min=1), metavar="N", help="Number of classes."),
        click.option("--channels", type=WholeNumber(min=1), metavar="N", help="Channels of the image."),
        click.option("--input-size", type=ImageSize(), help="Image size, as in 56x46 (height, width) or 64."),
    ):
        command = option(command)
    return command


def given(changed: dict[str, Any]) -> list[str]:
    """Those of the options above that were given."""
    return [option for name, option in CHANGES.items() if changed[name]]


def network(name: str, changed: dict[str, Any], counted: bool = False) -> tuple[Module, tuple[int, int, int]]:
    """The model that ``name`` (of a model, or a run folder) means, and the shape of its images.

    ``changed``: the options above, by name. ``counted``: a model by name has no memory for its weights.
    """
    from tinyconv.models import registry

    if name in registry.names():
        channels, classes, size = registry.published(name)
        channels, classes = changed["channels"] or channels, changed["classes"] or classes
        height, width = changed["input_size"] or size
        build = registry.outline if counted else registry.build
        return build(name, channels, classes, (height, width), **dict(changed["model_options"])), (
            channels,
            height,
            width,
        )
    if not Path(name).exists():
        listed = ", ".join(registry.names())
        raise click.BadParameter(f"{name!r} is neither a model ({listed}) nor a run folder", param_hint="MODEL|RUN")
    if given(changed):
        raise click.UsageError(
            f"a run has its own image size, channels, classes and options; give {given(changed)[0]} only with the name "
            "of a model",
            click.get_current_context(),
        )
    from tinyconv.train import load_run

    run = load_run(name)
    return run.model, (run.preprocessing.channels, *run.preprocessing.image_size)
