"""Sixteen real faces and sixteen pieces of other photographs, and the proof that a network can learn them by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.data import sources
from tinyconv.nn import functional as F
from tinyconv.train import Trainer


def thirty_two_faces(enlarged: int = 1, channels: int = 1) -> tuple[tc.Tensor, tc.Tensor]:
    """(32, channels, 25 enlarged, 25 enlarged) of mean 0 and deviation 1, and what they are: 1 for a face."""
    pytest.importorskip("skimage", reason="needs scikit-image, whose wheel holds the photographs")
    data = sources.load("lfw-subset")
    chosen = np.concatenate([np.flatnonzero(data.labels == kind)[:16] for kind in (0, 1)])
    images = np.asarray(data.images[chosen]).repeat(enlarged, 2).repeat(enlarged, 3).repeat(channels, 1)
    return tc.tensor((images - images.mean()) / images.std()), tc.tensor(data.labels[chosen])


def epochs_until_all_are_learnt(
    model: Any, images: tc.Tensor, labels: tc.Tensor, rate: float, most: int, optimizer: Any = tc.optim.Adam
) -> int:
    """Train on all images at once until every one is recognised; fails where ``most`` epochs do not do."""
    trainer = Trainer(model, tc.nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=rate))
    for epoch in range(1, most + 1):
        trainer.fit([(images, labels)])
        model.eval()
        with tc.no_grad():
            if (model(images).argmax(1) == labels).all():
                return epoch
    loss = F.cross_entropy(model(images), labels).item()
    raise AssertionError(f"after {most} epochs not all images are recognised; loss {loss:.3f}")
