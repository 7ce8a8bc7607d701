"""A dataset that is learnt in a second, and a run trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from command import tinyconv

OPTIONS = ("--epochs", 2, "--batch-size", 16, "--probes", 1, "--feature-epochs", "2")


def write_dataset(path: Path, images: int = 48, side: int = 12) -> Path:
    """An npz of bright squares at the left or at the right of noise."""
    random = np.random.default_rng(0)
    labels = np.arange(images) % 2
    pixels = random.uniform(0, 0.2, (images, side, side))
    for picture, label in zip(pixels, labels, strict=True):
        column = 2 if label == 0 else side - 5
        picture[side // 4 : -(side // 4), column : column + 3] += 0.7
    np.savez(path, images=pixels.astype(np.float32), labels=labels, class_names=np.array(["left", "right"]))
    return path


def train_tiny_run(folder: Path) -> Path:
    """A trained run in ``folder``/run, on ``folder``/data.npz."""
    data = write_dataset(folder / "data.npz")
    outcome = tinyconv("train", "--data", f"npz:{data}", "--out", folder / "run", *OPTIONS)
    if outcome.code:
        raise AssertionError(outcome.stderr)
    return folder / "run"
