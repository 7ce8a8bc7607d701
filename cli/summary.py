"""``tinyconv summary``: what a model consists of, and how large the models are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .networks import changes, given, network
from .options import say

if TYPE_CHECKING:
    from tinyconv.nn import Module

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("summary")
@click.argument("model", metavar="[MODEL|RUN]", required=False)
@click.option("--all", "everything", is_flag=True, help="Count all models as published, one line each.")
@changes
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the key `parameters` has the total.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line per layer; with --all, per model.")
@click.option("--graph", type=FILE, metavar="FILE.svg", help="Draw the model's graph into this file.")
@click.option("--force", is_flag=True, help="Replace the file of --graph if it exists.")
def command(
    model: str | None,
    everything: bool,
    as_json: bool,
    as_csv: bool,
    graph: Path | None,
    force: bool,
    **changed: Any,
) -> None:
    """Show the layers of a model by name, or of the model trained in a run folder, as a tree.

    A model by name is shown as it was published, but for what the options say otherwise. Each layer with its output
    for one image, parameters, multiply-adds, memory (results and parameters) and receptive field in pixels. A layer
    used in several places is counted once. With --graph the network is drawn, too: boxes and arrows, as SVG.

    \b
    Examples:
      tinyconv summary vgg16
      tinyconv summary resnet18 --graph resnet18.svg
      tinyconv summary facenet --input-size 64x64 --classes 40
      tinyconv summary runs/0001 --json
      tinyconv summary --all
    """
    context = click.get_current_context()
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other; give one", context)
    if force and graph is None:
        raise click.UsageError("--force replaces the file of --graph; give both, or leave it out", context)
    if everything:
        others = ["MODEL"] * (model is not None) + given(changed) + ["--graph"] * (graph is not None)
        if others:
            raise click.UsageError(f"--all counts every model as it was published; leave {others[0]} out", context)
        count_all(as_json, as_csv)
        return
    if model is None:
        raise click.UsageError("give the name of a model or a run folder, or --all to list the models", context)
    from tinyconv.models.summary import summary

    if graph is not None and graph.exists() and not force:
        raise click.BadParameter(f"{graph} exists; choose another name, or replace it (--force)", param_hint="--graph")
    built, shape = network(model, changed, counted=True)
    result = summary(built, shape)
    if graph is not None:
        draw(built, shape, graph, title=Path(model).name)
    if as_json:
        say(json.dumps(result.to_dict(), indent=2))
    elif as_csv:
        say(result.to_csv().rstrip("\n"))
    else:
        say_table(str(result))


def draw(model: Module, shape: tuple[int, int, int], file: Path, title: str) -> None:
    """Write the model's graph as SVG."""
    from tinyconv.models.drawing import save_model_graph
    from tinyconv.nn.conversion import device_of
    from tinyconv.ops.creation.creation import zeros

    save_model_graph(model, file, zeros(1, *shape, device=device_of(model)), title=title)
    say(file, err=True)


def count_all(as_json: bool, as_csv: bool) -> None:
    """Print the counts of all models."""
    from tinyconv.models import counts

    found = counts.counts()
    if as_json:
        say(json.dumps([asdict(each) for each in found], indent=2))
    elif as_csv:
        say(counts.csv_text(found).rstrip("\n"))
    else:
        say_table(counts.table_text(found))


def say_table(text: str) -> None:
    """Print a table of rich's without the blanks around it."""
    say("\n".join(line.rstrip() for line in text.splitlines()).strip("\n"))
