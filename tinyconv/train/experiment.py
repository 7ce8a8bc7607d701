"""A named dataset, a recipe and a seed, made into everything that a training needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv import nn, optim
from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.communication import world
from tinyconv.core.devices import CPU, Device
from tinyconv.core.precision import float32_precision
from tinyconv.data.images import ImageData, rows
from tinyconv.data.splits import split
from tinyconv.models import registry
from tinyconv.nn.module import Module
from tinyconv.optim import lr_scheduler
from tinyconv.train.averaging import ExponentialAverage
from tinyconv.train.batches import Batches
from tinyconv.train.callbacks import Callback, EarlyStopping
from tinyconv.train.communicator import Communicator
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.recipes import Recipe
from tinyconv.train.schedules import build_schedule
from tinyconv.train.starting import Start, start_from
from tinyconv.train.trainer import Trainer

EVALUATION_BATCH = 64


@dataclass
class Experiment:
    """``data`` split into what is learnt from and what is held out, and a ``model`` with its optimiser and schedule.

    ``train_indices`` and ``test_indices`` count images of ``data``. Normalisation is fitted on the training images
    alone. Equal data, recipe and seed give equal weights, bit for bit, on the same processor and versions.

    Raises: ``prepare`` raises ``DataError`` for data that cannot be split, ``ArgumentError`` for a recipe of no model.

    >>> from tinyconv.data.images import ImageData
    >>> from tinyconv.train import Experiment, Recipe
    >>> images = np.random.default_rng(0).random((20, 1, 8, 8)).astype(np.float32)
    >>> data = ImageData("noise", images, np.arange(20) % 2, ("even", "odd"), "", False)
    >>> experiment = Experiment.prepare(data, Recipe(epochs=1, test_fraction=0.5))
    >>> len(experiment.train_indices), len(experiment.test_indices), type(experiment.model).__name__
    (10, 10, 'FaceNet')
    """

    data: ImageData
    recipe: Recipe
    seed: int
    device: Device
    train_indices: Array
    test_indices: Array
    preprocessing: Preprocessing
    model: Module
    optimizer: optim.Optimizer
    scheduler: lr_scheduler.LRScheduler
    start: Start | None = None
    """The weights that the model began with, where the recipe names some."""

    @classmethod
    def prepare(
        cls,
        data: ImageData,
        recipe: Recipe,
        seed: int = 0,
        device: Device = CPU,
        parts: tuple[Array, Array] | None = None,
        begins: bool = True,
    ) -> Experiment:
        """Split, build and initialise; also seeds the generator behind dropout. Raises ``TinyconvError``s.

        ``parts``: the indices to learn from and those to hold out, where the recipe is not to say. ``begins``: whether
        the training does; one that goes on from a checkpoint needs no weights to begin with.
        """
        random.manual_seed(seed)
        train_indices, test_indices = parts or split(data, recipe.test_fraction, recipe.train_per_class, seed)
        preprocessing = Preprocessing.fit(rows(data.images, train_indices))
        model = registry.build(
            recipe.model, data.channels, len(data.classes), data.image_size, **recipe.model_options
        ).to(device)
        start = start_from(model, recipe.weights) if recipe.weights and begins else None
        if recipe.sync_batch_norm:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        optimizer = build_optimizer(recipe, model)
        batches = -(-len(train_indices) // recipe.batch_size)
        scheduler = build_schedule(recipe, optimizer, -(-batches // recipe.accumulate))
        return cls(
            *(data, recipe, seed, device, train_indices, test_indices, preprocessing, model, optimizer, scheduler),
            start,
        )

    def trainer(self, callbacks: Iterable[Callback] = (), communicator: Communicator | None = None) -> Trainer:
        """What trains the model as the recipe says, with ``callbacks``; ``fit`` it with the batches below."""
        recipe = self.recipe
        stopping = [EarlyStopping(recipe.early_stopping)] if recipe.early_stopping else []
        return Trainer(
            self.model,
            self.loss,
            self.optimizer,
            self.scheduler,
            [*callbacks, *stopping],
            accumulate=recipe.accumulate,
            clip_norm=recipe.clip_norm or None,
            clip_value=recipe.clip_value or None,
            ema=ExponentialAverage(self.model, recipe.ema) if recipe.ema else None,
            communicator=communicator,
        )

    @property
    def loss(self) -> Module:
        """The cross-entropy, with the recipe's label smoothing."""
        return nn.CrossEntropyLoss(label_smoothing=self.recipe.label_smoothing)

    def train_batches(self) -> Batches:
        """The training images: shuffled and augmented anew in every epoch. Of several processes each has its part."""
        return Batches(
            rows(self.data.images, self.train_indices),
            self.data.labels[self.train_indices],
            self.recipe.batch_size,
            self.preprocessing,
            augmentation=self.recipe.augmentation(self.data.mirror, self.seed),
            shuffle=True,
            seed=self.seed,
            device=self.device,
            mixup=self.recipe.mixup,
            classes=len(self.data.classes),
            rank=world().rank,
            ranks=world().ranks,
        )

    def test_batches(self) -> Batches:
        """The held-out images as they are, in their order. Of several processes each has its part."""
        images, labels = rows(self.data.images, self.test_indices), self.data.labels[self.test_indices]
        return Batches(
            images,
            labels,
            EVALUATION_BATCH,
            self.preprocessing,
            device=self.device,
            rank=world().rank,
            ranks=world().ranks,
        )

    def splits(self) -> dict[str, Any]:
        """What ``splits.json`` says: which images are learnt from, which held out, and what was left out or kept
        together; by their numbers in the dataset, and the names of their files where they have any.
        """
        parts = {"training": self.train_indices, "held_out": self.test_indices}
        record: dict[str, Any] = {"source": self.data.name, "seed": self.seed}
        for part, indices in parts.items():
            record[part] = {"indices": indices.tolist()}
            if self.data.names:
                record[part]["names"] = [self.data.names[index] for index in indices]
        if self.data.groups is not None:
            record["near_duplicates"] = [
                np.flatnonzero(self.data.groups == group).tolist()
                for group in np.flatnonzero(np.bincount(self.data.groups) > 1)
            ]
        return record | {"damaged": list(self.data.damaged)}

    def configuration(self) -> dict[str, Any]:
        """What ``run.json`` says of this experiment."""
        return {
            "seed": self.seed,
            "device": str(self.device),
            "float32_precision": float32_precision(),
            "data": {
                "source": self.data.name,
                "credit": self.data.credit,
                "images": len(self.data),
                "training": len(self.train_indices),
                "held_out": len(self.test_indices),
                "held_out_indices": self.test_indices.tolist(),
                "mirror": self.data.mirror,
                "damaged": len(self.data.damaged),
            },
            "classes": list(self.data.classes),
            "model": {
                "name": self.recipe.model,
                "options": registry.defaults(self.recipe.model) | self.recipe.model_options,
                "in_channels": self.data.channels,
                "num_classes": len(self.data.classes),
                "image_size": list(self.data.image_size),
            },
            "preprocessing": self.preprocessing.to_json(),
            "recipe": self.recipe.to_json(),
        }


def build_optimizer(recipe: Recipe, model: Module) -> optim.Optimizer:
    """The optimiser that ``recipe`` names, over all parameters of ``model``."""
    if recipe.optimizer == "sgd":
        return optim.SGD(
            model.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
        )
    family = {"adam": optim.Adam, "adamw": optim.AdamW}[recipe.optimizer]
    return family(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
