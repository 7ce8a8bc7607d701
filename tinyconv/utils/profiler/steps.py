"""Measuring training steps of a classifier on random images."""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.models.auxiliary import logits_of, total_loss
from tinyconv.nn import functional as F
from tinyconv.nn.conversion import device_of
from tinyconv.ops.creation.random import rand, randint
from tinyconv.utils.profiler.profile import profile


def profile_steps(model: nn.Module, image_shape: Sequence[int], batch: int = 16, steps: int = 3) -> profile:
    """Profile ``steps`` forwards and backwards of a classifier, on ``batch`` random images of ``image_shape``.

    A step before them, which also compiles kernels, is not measured. The loss is the cross-entropy with random labels;
    weights stay as they are, and gradients are gone afterwards.
    Raises: ``ArgumentError`` unless ``batch`` and ``steps`` are at least 1; whatever the model raises on such images.

    >>> from tinyconv.utils.profiler import profile_steps
    >>> p = profile_steps(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), (1, 4, 4), batch=5, steps=2)
    >>> p.steps, p.total_forward_multiply_adds
    (2, 480)
    """
    for name, count in (("batch", batch), ("steps", steps)):
        if count < 1:
            raise ArgumentError(f"profile_steps: {name} must be at least 1, got {count}")
    device = device_of(model)
    images = rand(batch, *image_shape, device=device)
    classes = logits_of(model(images)).shape[-1]
    labels = randint(0, classes, (batch,), device=device)

    def step() -> None:
        total_loss(F.cross_entropy, model(images), labels).backward()
        model.zero_grad()

    step()
    result = profile(model)
    with result:
        for _ in range(steps):
            step()
    return result
