"""What ``tinyconv explain --layers`` adds: how each layer handed relevance down, from a score to the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import say, shown_table

if TYPE_CHECKING:
    from tinyconv.core.arrays import Array, FloatArray
    from tinyconv.explain import Subject
    from tinyconv.train import LoadedRun


def relevance_methods(names: Sequence[str]) -> list[str]:
    """Those of the methods that hand relevance down layer by layer; a mistake of ``--layers`` if none does."""
    from tinyconv.explain.lrp import COMPOSITES

    found = [name for name in names if name in COMPOSITES]
    if not found:
        raise click.UsageError(
            f"--layers: only LRP goes down layer by layer, not {', '.join(names)}; add one of these to --method: "
            f"{', '.join(COMPOSITES)}",
            click.get_current_context(),
        )
    return found


def show_layers(
    run: LoadedRun, folder: Path, stems: Sequence[str], subject: Subject, images: FloatArray, targets: Array,
    names: Sequence[str],
) -> None:  # fmt: skip
    """A table and a picture for each method called in ``names`` and each image; the pictures' paths are printed.

    ``images``: as the network takes them; ``stems``: what their files are called.
    """
    from tinyconv.explain.lrp import COMPOSITES, layer_relevance, save_descent
    from tinyconv.explain.lrp.layers import COLUMNS
    from tinyconv.explain.methods import run_options

    for name in names:
        composite = COMPOSITES[name](**run_options(name, run.preprocessing))
        layers = layer_relevance(run.model, images, targets, composite=composite, method=name)
        for number, stem in enumerate(stems):
            target, score = subject.class_name(targets[number]), layers.scores[number]
            say(f"{subject.labels[number]}: the score {score:.2f} of {target} on its way to the pixels, by {name}")
            say(shown_table(COLUMNS, layers.rows(number), "llrrr"))
            say(save_descent(folder / f"{stem}-{name}-layers.png", layers, number, subject))
