"""Faces of LFW: held-out accuracy over splits and seeds, beside PyTorch with the same recipe, and eigenfaces + SVM.

tinyconv and PyTorch start from the same weights, get the same batches, and take turns epoch by epoch, so that what
else the machine does slows both; only their dropout draws different numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import click
import numpy as np

from bench import session
from bench.faces import SPLITS, Faces, read
from bench.report import keep

STUDENT_95 = {2: 4.303, 4: 2.776}
"""The 97.5% quantile of Student's t, by degrees of freedom: 3 seeds, 5 splits."""


@click.command("faces")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="An npz file of `images` (N, H, W) uint8, `names` and `numbers`, the photographs' in LFW.",
)
@click.option(
    "--at-least",
    multiple=True,
    type=int,
    default=(70, 1),
    show_default=True,
    help="Leave out people whose last photograph in the file has a lower number; 1 takes all.",
)
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="On the last split, from 0.")
@click.option("--pytorch/--no-pytorch", default=True, help="Train PyTorch's twin, too.")
@click.option("--threads", type=click.IntRange(1), help="For both sides.  [default: all processors]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the figures to this JSON file, after each training; those it has already are not measured again.",
)
def command(
    data: Path, at_least: tuple[int, ...], epochs: int, seeds: int, pytorch: bool, threads: int | None, out: Path | None
) -> None:
    """Train a face net on people with many photographs, then on all; the last epoch's held-out accuracy counts."""
    count = session.begin(threads)
    rows = measured(out, epochs)
    for photographs in at_least:
        faces = read(data, photographs)
        click.echo(f"{len(faces.people)} people, {len(faces.labels)} photographs, {count} threads")
        plan = [(split, 0, pytorch) for split in range(SPLITS)]
        plan += [(SPLITS - 1, seed, False) for seed in range(1, seeds)]
        for split, seed, beside in plan:
            place = {"people": len(faces.people), "split": split, "seed": seed}
            if any(place.items() <= row.items() for row in rows):
                continue
            row = place | {"threads": count} | measure(faces, split, seed, epochs, beside)
            rows.append(row)
            click.echo("  ".join(f"{key} {value:.4g}" for key, value in row.items()))
            keep(out, "faces", rows, epochs=epochs)
        conclude([row for row in rows if row["people"] == len(faces.people)])


def measured(out: Path | None, epochs: int) -> list[dict[str, Any]]:
    """The rows that the file ``out`` has already, of as many epochs: a measurement of hours may be cut off."""
    if out is None or not out.exists():
        return []
    record = json.loads(out.read_text())
    if record["measurement"] != "faces" or record["epochs"] != epochs:
        raise click.UsageError(f"--out {out} holds other figures; choose another file")
    rows: list[dict[str, Any]] = record["rows"]
    return rows


def measure(faces: Faces, split: int, seed: int, epochs: int, pytorch: bool) -> dict[str, Any]:
    """One split, learnt by each side."""
    from tinyconv import nn
    from tinyconv.core import random
    from tinyconv.models import registry
    from tinyconv.optim import lr_scheduler
    from tinyconv.train import Batches, Preprocessing, Recipe, Trainer
    from tinyconv.train.experiment import EVALUATION_BATCH, build_optimizer
    from tinyconv.train.recipes import RECIPES

    recipe: Recipe = RECIPES["lfw"].changed(epochs=epochs)
    learnt, held_out = faces.split(split)
    preprocessing = Preprocessing.fit(faces.images[learnt])
    shape = faces.images.shape[1:]

    def training() -> Batches:
        return Batches(
            faces.images[learnt],
            faces.labels[learnt],
            recipe.batch_size,
            preprocessing,
            augmentation=recipe.augmentation(mirror=True, seed=seed),
            shuffle=True,
            seed=seed,
        )

    def unseen() -> Batches:
        return Batches(faces.images[held_out], faces.labels[held_out], EVALUATION_BATCH, preprocessing)

    random.manual_seed(seed)
    model = registry.build(recipe.model, shape[0], len(faces.people), shape[1:], **recipe.model_options)
    optimizer = build_optimizer(recipe, model)
    batches = training()
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.lr, total_steps=epochs * len(batches))
    trainer = Trainer(model, nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing), optimizer, schedule)
    sides: dict[str, Callable[[], object]] = {"tinyconv": lambda: trainer.fit(batches, None, 1)}
    if pytorch:
        import torch

        from bench.peers.torch_training import TorchTraining

        torch.manual_seed(seed)
        twin = TorchTraining(model, recipe, shape, len(faces.people), training(), epochs)
        sides["PyTorch"] = twin.epoch
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for epoch in range(epochs):
        for side in sorted(sides, reverse=bool(epoch % 2)):
            start = time.perf_counter()
            sides[side]()
            seconds[side].append(time.perf_counter() - start)
    row: dict[str, Any] = {"held_out": len(held_out)}
    row["tinyconv"] = trainer.evaluate(unseen()).accuracy
    row["tinyconv_epoch_s"] = median(seconds["tinyconv"])
    if pytorch:
        row["pytorch"] = twin.accuracy(unseen())
        row["pytorch_epoch_s"] = median(seconds["PyTorch"])
        pairs = zip(seconds["PyTorch"][1:], seconds["tinyconv"][1:], strict=True)  # the first epoch compiles
        row["times_faster"] = median(theirs / ours for theirs, ours in pairs)
    if seed == 0:
        row["eigenfaces_svm"] = eigenfaces(faces, learnt, held_out)
    return row


def eigenfaces(faces: Faces, learnt: Any, held_out: Any) -> float:
    """Held-out accuracy of 150 whitened principal components and a Gaussian SVM, chosen by cross-validation."""
    from sklearn.decomposition import PCA
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    pixels = faces.images.reshape(len(faces.images), -1)
    pipeline = make_pipeline(
        PCA(150, whiten=True, svd_solver="randomized", random_state=0), SVC(kernel="rbf", class_weight="balanced")
    )
    search = GridSearchCV(pipeline, {"svc__C": [1.0, 10.0, 1000.0], "svc__gamma": [1e-3, 3e-3, 1e-2]}, cv=3)
    search.fit(pixels[learnt], faces.labels[learnt])
    return float(np.mean(search.predict(pixels[held_out]) == faces.labels[held_out]))


def conclude(rows: list[dict[str, Any]]) -> None:
    """Means over splits and seeds, and the paired difference with its 95% interval."""
    first = [row for row in rows if row["seed"] == 0]
    last = [row["tinyconv"] for row in rows if row["split"] == SPLITS - 1]
    click.echo(f"splits: tinyconv {mean(row['tinyconv'] for row in first):.4f}")
    click.echo(f"        eigenfaces + SVM {mean(row['eigenfaces_svm'] for row in first):.4f}")
    click.echo(f"seeds:  tinyconv {mean(last):.4f} ({min(last):.4f} to {max(last):.4f}) on split {SPLITS - 1}")
    paired = [row["tinyconv"] - row["pytorch"] for row in first if "pytorch" in row]
    if not paired:
        return
    margin = STUDENT_95[len(paired) - 1] * stdev(paired) / len(paired) ** 0.5
    click.echo(f"        PyTorch {mean(row['pytorch'] for row in first):.4f}")
    click.echo(f"        tinyconv - PyTorch {mean(paired):+.4f} +- {margin:.4f} (95%, paired)")
    click.echo(f"        an epoch {median(row['times_faster'] for row in first):.2f} times as fast as PyTorch's")
