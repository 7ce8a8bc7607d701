"""What the verbs that make pictures of units share: options, their folder, and which channels are meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .classes import class_number

if TYPE_CHECKING:
    from tinyconv.train import LoadedRun

out = click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where to write.  [default: in RUN/explanations]"
)
force = click.option("--force", is_flag=True, help="Replace what is in the folder already.")

FIRST = 12
"""Channels that are shown of a layer where none are named."""


def result_folder(run: LoadedRun, name: str, out: Path | None, force: bool) -> Path:
    """``out``, or a folder called ``name`` among the run's explanations. Raises ``RunError`` if it is in use."""
    from tinyconv.core.errors import RunError
    from tinyconv.features.folders import file_name

    folder = out or run.path / "explanations" / file_name(name)
    if not force and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            f"folder {folder} exists and is not empty; choose another (--out), or replace what it has (--force)"
        )
    return folder


def chosen_channels(run: LoadedRun, layer: str, channels: str | None) -> list[int]:
    """The channels in ``channels``, by default the first of ``layer``. Raises where there is no such thing."""
    from tinyconv.explain.synthesis.maximization import dtype_of
    from tinyconv.explain.synthesis.reading import look_at
    from tinyconv.features.channels import check_channels, parse_channels

    shape = (run.preprocessing.channels, *run.preprocessing.image_size)
    _, size = look_at(run.model, layer, shape, dtype_of(run.model))
    return check_channels(parse_channels(channels), size[0], layer) if channels else list(range(min(FIRST, size[0])))


def chosen_classes(classes: Sequence[str], names: str | None) -> list[int]:
    """The numbers of the classes in ``names``, separated by commas; by default all. Raises ``ArgumentError``."""
    if names is None:
        return list(range(len(classes)))
    if names in classes:  # whose own name may have a comma
        return [list(classes).index(names)]
    return [class_number("--classes", classes, part.strip()) for part in names.split(",")]
