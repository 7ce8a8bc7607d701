"""Memory over the steps of a whole training, with everything that a run does: data, averages, checkpoints, maps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np

from bench.report import keep
from bench.suites.leak import peak, resident
from tinyconv.data.images import ImageData
from tinyconv.features import FeatureRecorder, Probes
from tinyconv.train import Callback, Experiment, Recipe, RunFolder, RunWriter, Trainer

EVERY, STEPS_PER_EPOCH, BATCH, SIDE = 200, 50, 16, 25
HELD_OUT = 0.2
RECIPE = Recipe(
    model_options={"widths": [16, 32]}, batch_size=BATCH, accumulate=2, ema=0.99, mixup=0.2, clip_norm=1.0,
    test_fraction=HELD_OUT,
)  # fmt: skip


@click.command("memory-flat", help=__doc__)
@click.option("--steps", type=click.IntRange(2 * EVERY), default=2000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(steps: int, out: Path | None) -> None:
    watch = Watch()
    recipe = RECIPE.changed(epochs=-(-steps // STEPS_PER_EPOCH))
    experiment = Experiment.prepare(noise(), recipe)
    images = experiment.data.images[:2]
    probes = Probes(experiment.preprocessing.normalize(images), images, ["one", "two"], [0, 1])
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(path)
        writer = RunWriter(folder, experiment.configuration(), "noise", checkpoint_every=10)
        recorder = FeatureRecorder(folder.features, probes)
        trainer = experiment.trainer([watch, writer, recorder])
        trainer.fit(experiment.train_batches(), experiment.test_batches(), recipe.epochs)
    first, last = watch.rows[0]["resident_mib"], watch.rows[-1]["resident_mib"]
    more = (last - first) / (watch.rows[-1]["step"] - watch.rows[0]["step"]) * 1000
    click.echo(
        f"from step {watch.rows[0]['step']} to {watch.rows[-1]['step']}: {last - first:+.1f} MiB, "
        f"{more:+.2f} MiB per 1000 steps"
    )
    keep(out, "memory-flat", watch.rows, mib_per_1000_steps=more)


class Watch(Callback):
    """Notes the memory every so many steps."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        if trainer.step % EVERY:
            return
        row = {"step": trainer.step, "resident_mib": resident() / 2**20, "peak_mib": peak() / 2**20}
        self.rows.append(row)
        click.echo(f"step {trainer.step:5}  resident {row['resident_mib']:7.1f} MiB  peak {row['peak_mib']:7.1f} MiB")


def noise() -> ImageData:
    """Images that nothing can be learnt from, for as many steps in an epoch as ``STEPS_PER_EPOCH`` says."""
    count = round(RECIPE.accumulate * STEPS_PER_EPOCH * BATCH / (1 - HELD_OUT))
    images = np.random.default_rng(0).random((count, 1, SIDE, SIDE), np.float32)
    return ImageData("noise", images, np.arange(count) % 2, ("even", "odd"), "", mirror=True)
