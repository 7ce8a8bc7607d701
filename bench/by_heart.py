"""Whether a network can learn: 32 real images by heart, in a narrow variant where the published one is large."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.models.auxiliary import total_loss

COUNT = 32
MOST_STEPS, LOOK_EVERY, RATE = 300, 5, 3e-3

NARROW: dict[str, dict[str, Any]] = {
    "alexnet_2012": {"width": 24},
    "alexnet": {"width": 16},
    "deepface": {"width": 4, "hidden": 32},
    "vgg": {"width": 8},
    "resnet": {"width": 8},
    "squeezenet": {"width": 16},
    "googlenet": {"width": 16},
    "densenet": {"growth_rate": 8, "num_init_features": 16},
    "mobilenet": {"width_mult": 0.35},
    "neocognitron": {"planes": 48, "off_cells": True},
}
"""Options by the beginning of a name."""
RATES = {"vgg19": 5e-4, "neocognitron": 0.1}
"""Learning rates of what does not learn by the usual one: sixteen convolutions in a row without batch norm; and of one
layer alone, over stages that learn without labels."""
SIDES: dict[str, Pair] = {
    "alexnet": (67, 67),
    "deepface": (72, 72),
    "face_finder": (36, 32),
    "onet": (48, 48),
    "rnet": (24, 24),
    "squeezenet": (64, 64),
}
"""Images of networks that are not made for 32x32."""


def images(channels: int, size: Pair) -> tuple[Array, Array]:
    """16 faces and 16 other patches of photographs, from scikit-image; of several channels all are the same."""
    from tinyconv.data import sources

    data = sources.load("lfw-subset", image_size=size)
    chosen = np.concatenate([np.flatnonzero(data.labels == label)[: COUNT // 2] for label in (0, 1)])
    grey = data.images[chosen]
    scaled = (grey - grey.mean()) / grey.std()
    return np.repeat(scaled, channels, axis=1).astype(np.float32), data.labels[chosen]


def learn_by_heart(name: str, options: dict[str, Any] | None = None, size: Pair | None = None) -> dict[str, Any]:
    """Train model ``name`` on the 32 images at once, until in evaluation it recognises all of them.

    ``options``: the model's; by default those of a narrow variant. ``size``: that the images are resized to.
    """
    import tinyconv as tc
    from tinyconv.models import registry
    from tinyconv.train.unsupervised import learn_unsupervised

    channels, _, published = registry.published(name)
    size = size or next((side for start, side in SIDES.items() if name.startswith(start)), (32, 32))
    size = published if max(published) < max(size) else size
    if options is None:
        options = next((narrow for start, narrow in NARROW.items() if name.startswith(start)), {})
    tc.manual_seed(0)
    model = registry.build(name, channels, 2, size, **options)
    x, labels = (tc.tensor(array) for array in images(channels, size))
    for module in model.modules():
        if isinstance(module, tc.nn.BatchNorm2d):
            module.momentum = 0.5  # every batch is the same one, so there is little to average over
    learn_unsupervised(model, [(x, labels)], lambda _: None)
    optimizer = tc.optim.AdamW(model.parameters(), lr=RATES.get(name, RATE))
    schedule = tc.optim.lr_scheduler.CosineAnnealingLR(optimizer, MOST_STEPS)
    accuracy = 0.0
    for step in range(1, MOST_STEPS + 1):
        model.train()
        optimizer.zero_grad()
        total_loss(tc.nn.functional.cross_entropy, model(x), labels).backward()
        optimizer.step()
        schedule.step()
        if step % LOOK_EVERY == 0:
            with tc.no_grad():
                accuracy = (model.eval()(x).argmax(1) == labels).float().mean().item()
            if accuracy == 1.0:
                break
    return {"accuracy": accuracy, "steps": step, "options": options, "image_size": list(size)}
