"""The stage before the first step, of models that learn without labels as well: they are shown training images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.nn.module import Module
from tinyconv.ops.shape.join import cat
from tinyconv.train.records import BatchSource, checked

IMAGES = 500
"""The most that a model is shown."""


def learn_unsupervised(model: Module, train: BatchSource, tell: Callable[[str], Any]) -> None:
    """Call ``model.learn_unsupervised(images, tell)``, where it has such a method, with the first images of ``train``.

    Their order and augmentation are those of the first epoch. ``tell`` takes lines for a reader.
    """
    if not hasattr(model, "learn_unsupervised"):
        return
    if hasattr(train, "set_epoch"):
        train.set_epoch(0)
    parts, count = [], 0
    for batch in train:
        images, _ = checked(batch)
        parts.append(images)
        count += images.shape[0]
        if count >= IMAGES:
            break
    if parts:
        with no_grad():
            model.learn_unsupervised(cat(parts)[:IMAGES], tell)
