"""``tinyconv health``: which channels of a run are of use, and since when others are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import WholeNumber, announce_compilation, apply_threads, checkpoint, device, say, shown_table, threads

if TYPE_CHECKING:
    from tinyconv.features.health import HealthRecord

IMAGES = 256


@click.command("health")
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--layers",
    metavar="PATTERNS",
    help="Show every channel of these layers, named shell-style and separated by commas, as in 'conv*'.",
)
@click.option(
    "--measure",
    is_flag=True,
    help="Measure the checkpoint now, instead of what was recorded along the training.",
)
@click.option(
    "--data",
    metavar="NAME",
    help="Measure the checkpoint now, with these images, named as in tinyconv train.  [default: what RUN held out]",
)
@click.option(
    "--images",
    type=WholeNumber(min=1),
    default=IMAGES,
    show_default=True,
    metavar="N",
    help="How many images to measure with.",
)
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="Draw it, as a PNG.")
@click.option(
    "--csv", "table", type=click.Path(path_type=Path), metavar="FILE", help="Every figure of every channel and epoch."
)
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
@checkpoint
@threads
@device
def command(
    run_folder: Path,
    layers: str | None,
    measure: bool,
    data: str | None,
    images: int,
    picture: Path | None,
    table: Path | None,
    as_json: bool,
    checkpoint: str,
    threads: int | None,
    device: str,
) -> None:
    """Say which channels of the model in the folder RUN are dead, constant, saturated or duplicates, and since when.

    A channel is judged by what passes the activation behind it, over many held-out images, at several epochs of the
    training, where these were recorded; otherwise by the checkpoint alone.

    \b
    Examples:
      tinyconv health runs/0001
      tinyconv health runs/0001 --layers conv2 --picture health.png
      tinyconv health runs/0001 --data folder:photos --csv channels.csv
    """
    from tinyconv.features.health.chart import health_png
    from tinyconv.features.health.table import health_csv
    from tinyconv.features.health.verdict import verdict
    from tinyconv.train import RunFolder
    from tinyconv.train.loading import read_record
    from tinyconv.utils.files import write_atomically

    apply_threads(threads)
    folder = RunFolder(run_folder)
    name = read_record(folder).get("model", {}).get("name", "model")
    for file in (picture, table):
        check(file)
    asked = click.get_current_context().get_parameter_source("checkpoint") is click.core.ParameterSource.COMMANDLINE
    if data is None and not measure and not asked and folder.health.is_file():
        from tinyconv.features.health import load_health

        record = load_health(folder.health)
    else:
        if not measure and data is None and not asked:
            say("nothing was recorded of this training; measured now, at its end", err=True)
        with announce_compilation():
            record = measured(run_folder, checkpoint, data, images, device)
    chosen = [] if layers is None else chosen_layers(record, layers)
    say(as_text(record) if as_json else summary(record), err=False)
    if not as_json:
        for layer in chosen:
            say(f"\n{channels(record, layer)}")
        say("")
        for sentence in verdict(record):
            say(sentence)
    if picture is not None:
        write_atomically(picture, health_png(record, f"{name}, run {folder.path.name}"))
        say(picture, err=as_json)
    if table is not None:
        write_atomically(table, health_csv(record).encode())
        say(table, err=as_json)


def check(file: Path | None) -> None:
    """Raise ``RunError`` where ``file`` is something that was not made by this command."""
    from tinyconv.core.errors import RunError
    from tinyconv.features.health.table import HEADER
    from tinyconv.train.run_folder import drawn_by_tinyconv

    if file is None or not file.exists() or drawn_by_tinyconv(file):
        return
    if file.is_file() and file.read_bytes()[: len(HEADER)] == HEADER.encode():
        return
    raise RunError(f"{file} exists and was not made by this command; choose another file")


def measured(run_folder: Path, checkpoint: str, data: str | None, images: int, device: str) -> HealthRecord:
    """The health of a checkpoint now, over at most so many images of as many classes as possible."""
    from tinyconv.core.devices import Device
    from tinyconv.features import choose_probes
    from tinyconv.features.health import measure_health
    from tinyconv.train import held_out_images, load_run, other_images

    run = load_run(run_folder, checkpoint, Device(device))
    judged = held_out_images(run) if data is None else other_images(run, data)
    chosen = choose_probes(judged.labels, images)
    return measure_health(run.model, run.preprocessing.normalize(judged.images[chosen]), run.epoch)


def chosen_layers(record: HealthRecord, layers: str) -> list[str]:
    """The layers that the patterns name. Raises ``ArgumentError`` for one that names none."""
    from tinyconv.features.naming import matches, unknown_layer

    chosen: dict[str, None] = {}
    for pattern in (part.strip() for part in layers.split(",")):
        found = [layer for layer in record.figures if matches(pattern, layer, layer)]
        if not found:
            raise unknown_layer(pattern, list(record.figures))
        chosen |= dict.fromkeys(found)
    return list(chosen)


def summary(record: HealthRecord) -> str:
    """A line for each layer, at the last epoch."""
    from tinyconv.features.health.table import LAYER_HEADERS, layer_rows

    when = (
        f"epoch {record.epochs[-1]}" if len(record.epochs) == 1 else f"epochs {record.epochs[0]} to {record.epochs[-1]}"
    )
    alignment = "ll" + "r" * (len(LAYER_HEADERS) - 2)
    return f"over {record.images} images, {when}\n{shown_table(LAYER_HEADERS, layer_rows(record), alignment)}"


def channels(record: HealthRecord, layer: str) -> str:
    """A line for each channel of ``layer``, at the last epoch."""
    from tinyconv.features.health.table import CHANNEL_HEADERS, channel_rows

    return shown_table(CHANNEL_HEADERS, channel_rows(record, layer), "r" * (len(CHANNEL_HEADERS) - 1) + "l")


def as_text(record: HealthRecord) -> str:
    """The findings as JSON."""
    from tinyconv.features.health import findings, verdict

    facts = {
        "epochs": record.epochs,
        "images": record.images,
        "findings": [
            {"layer": one.layer, "fault": one.fault, "channels": one.channels, "since_epoch": one.epochs}
            for one in findings(record)
        ],
        "verdict": verdict(record),
    }
    return json.dumps(facts, indent=2)
