"""What a report is made of: a run with its records, the images to show, and what is not to be had any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import DataError, RunError
from tinyconv.features import Features, load_features
from tinyconv.features.probes import choose_probes
from tinyconv.train import Assessment, JudgedImages, LoadedRun, assess, held_out_images, other_images
from tinyconv.train.comparison.history import read_history
from tinyconv.train.records import EpochRecord
from tinyconv.train.run_folder import ARCHIVE_FILE, RunFolder

PROBES = 4


@dataclass(frozen=True)
class Material:
    """A ``run``, and everything that is known of it.

    ``history``: its epochs. ``judged`` and ``assessment``: the held-out images and what the model makes of them; None
    where they are gone. ``kind``: "held-out", or "given" where other images were given in their place. ``features``:
    the maps recorded along the training. ``pictures`` (N, C, H, W) in [0, 1] with ``labels``: the few images that the
    report follows through the network. ``steps``: the norms of gradients and updates. ``absent``: sentences about what
    is missing, and why.
    """

    run: LoadedRun
    history: list[EpochRecord]
    judged: JudgedImages | None
    assessment: Assessment | None
    features: Features | None
    pictures: FloatArray
    labels: tuple[str, ...]
    steps: list[dict[str, Any]]
    absent: tuple[str, ...]
    kind: str = "held-out"

    @property
    def inputs(self) -> Array:
        """The pictures as the network takes them."""
        return self.run.preprocessing.normalize(self.pictures).astype(np.float32)

    def targets(self) -> list[int]:
        """The class of each picture; of one without a known class, what the network takes it for."""
        predicted = self.run.logits(self.pictures).argmax(axis=1)
        known = {name: number for number, name in enumerate(self.run.classes)}
        return [known.get(label, int(guess)) for label, guess in zip(self.labels, predicted, strict=True)]


def gather(run: LoadedRun, message: Callable[[str], None] = lambda _: None, data: str | None = None) -> Material:
    """Read what the folder of ``run`` has, and find its held-out images again; or take those of ``data`` instead.

    Raises: ``DataError`` where there is no image to show, neither recorded maps nor held-out ones, and where ``data``
        has none of the run's classes.
    """
    folder = RunFolder(run.path)
    absent: list[str] = []
    judged, assessment = _judged(run, absent) if data is None else _given(run, data, absent)
    features = _features(folder, absent)
    material = Material(
        run,
        _history(folder, absent),
        judged,
        assessment,
        features,
        np.empty((0, run.preprocessing.channels, *run.preprocessing.image_size), np.float32),
        (),
        _steps(folder),
        (),
        "held-out" if data is None else "given",
    )
    pictures, labels = _pictures(material)
    for sentence in absent:
        message(sentence)
    return replace(material, pictures=pictures, labels=labels, absent=tuple(absent))


def _judged(run: LoadedRun, absent: list[str]) -> tuple[JudgedImages | None, Assessment | None]:
    try:
        judged = held_out_images(run)
    except (DataError, RunError, KeyError) as error:
        absent.append(f"Confusions, mistakes and the images that units respond to are left out: {error}.")
        return None, None
    return judged, assess(run, judged)


def _given(run: LoadedRun, data: str, absent: list[str]) -> tuple[JudgedImages, Assessment]:
    judged = other_images(run, data)
    seen = "" if judged.learnt is None else f": it learnt from {judged.seen} of them"  # else a note says why
    absent.append(f"The network is shown {len(judged.labels)} images of {Path(data).name}, given for this page{seen}.")
    absent.extend(f"{note[0].upper()}{note[1:]}." for note in judged.notes)
    return judged, assess(run, judged)


def _features(folder: RunFolder, absent: list[str]) -> Features | None:
    path = folder.features / ARCHIVE_FILE
    try:
        features = load_features(path)
    except RunError as error:
        absent.append(f"Feature maps along the training are left out: {error}.")
        return None
    if not features.arrays or "epochs" not in features.meta or features.images is None:
        absent.append(f"Feature maps along the training are left out: {path} is no recording of a training.")
        return None
    return features


def _history(folder: RunFolder, absent: list[str]) -> list[EpochRecord]:
    try:
        return read_history(folder.metrics)
    except RunError as error:
        absent.append(f"The learning curves are left out: {error}.")
        return []


def _steps(folder: RunFolder) -> list[dict[str, Any]]:
    """The lines of gradients.jsonl; none where the training did not write them, or was killed in the middle of one."""
    try:
        lines = (folder.path / "gradients.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    steps = []
    for line in lines:
        try:
            steps.append(json.loads(line))
        except ValueError:
            break
    return steps


def _pictures(material: Material) -> tuple[FloatArray, tuple[str, ...]]:
    """The probes of the training, so that every part of the report speaks of the same images; else held-out ones."""
    features, judged = material.features, material.judged
    if features is not None and features.images is not None:
        count = len(features.images)
        labels: Sequence[str] = features.meta.get("probe_labels") or [f"image {n + 1}" for n in range(count)]
        return features.images[:PROBES], tuple(str(label) for label in labels[:PROBES])
    if judged is None:
        raise DataError(
            f"run {material.run.path} has neither recorded feature maps nor its images: there is nothing to show; "
            "give images with --data"
        )
    chosen = choose_probes(judged.labels, PROBES)
    return judged.images[chosen], tuple(material.run.classes[judged.labels[position]] for position in chosen)
