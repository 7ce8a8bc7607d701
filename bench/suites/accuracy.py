"""Held-out accuracy over several seeds, beside a linear classifier on the raw pixels of the same splits."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import click
import numpy as np

from bench.report import keep

SOURCES = ("lfw-subset", "digits", "orl")


@click.command("accuracy")
@click.option("--data", "sources", multiple=True, default=SOURCES, show_default=True, help="Datasets; may be repeated.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="How many seeds, from 0.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(sources: tuple[str, ...], seeds: int, out: Path | None) -> None:
    """Train with each dataset's own recipe on SEEDS splits; the last epoch's held-out accuracy counts."""
    rows = []
    for source in sources:
        for seed in range(seeds):
            row = measure(source, seed)
            rows.append(row)
            click.echo(
                f"{source:12} seed {seed}  cnn {row['cnn']:.4f}  {row['baseline']} {row['linear']:.4f}  "
                f"{row['seconds']:.1f} s  {row['images_per_second']:.0f} images/s"
            )
        own = [row for row in rows if row["data"] == source]
        cnn, linear = ([row[key] for row in own] for key in ("cnn", "linear"))
        click.echo(
            f"{source:12} mean    cnn {mean(cnn):.4f} ({min(cnn):.4f} to {max(cnn):.4f})  "
            f"{own[0]['baseline']} {mean(linear):.4f} ({min(linear):.4f} to {max(linear):.4f})"
        )
    keep(out, "accuracy", rows)


def measure(source: str, seed: int) -> dict[str, Any]:
    """One training, and the linear classifier on its split."""
    from tinyconv.data import sources
    from tinyconv.train import Experiment, Trainer, recipe_for

    data = sources.load(source)
    recipe = recipe_for(data)
    experiment = Experiment.prepare(data, recipe, seed)
    trainer = Trainer(experiment.model, experiment.loss, experiment.optimizer, experiment.scheduler)
    start = time.perf_counter()
    trainer.fit(experiment.train_batches(), experiment.test_batches(), recipe.epochs)
    seconds = time.perf_counter() - start
    assert trainer.evaluation is not None
    name, linear = linear_classifier(len(data.classes))
    pixels = data.images.reshape(len(data), -1)
    learnt, held_out = experiment.train_indices, experiment.test_indices
    linear.fit(pixels[learnt], data.labels[learnt])
    return {
        "data": source,
        "seed": seed,
        "held_out": len(held_out),
        "cnn": trainer.evaluation.accuracy,
        "baseline": name,
        "linear": float(np.mean(linear.predict(pixels[held_out]) == data.labels[held_out])),
        "seconds": seconds,
        "images_per_second": median(record.images_per_second for record in trainer.history),
    }


def linear_classifier(classes: int) -> tuple[str, Any]:
    """Logistic regression for few classes, a linear SVM for many with few images each (where it is the stronger)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    if classes <= 10:
        return "logistic regression", LogisticRegression(max_iter=5000)
    return "linear SVM", SVC(kernel="linear")
