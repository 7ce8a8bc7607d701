"""A whole training in PyTorch, with the network, the recipe, the batches and the first weights of tinyconv's."""

from __future__ import annotations

from typing import Any

import torch

from tinyconv.train import Batches, Recipe
from tinyconv.utils.speed import torch_networks


class TorchTraining:
    """``model``: tinyconv's, whose weights are copied; ``batches``: to learn from, in each of ``epochs``."""

    def __init__(
        self, model: Any, recipe: Recipe, shape: tuple[int, int, int], classes: int, batches: Batches, epochs: int
    ) -> None:
        self.batches, self.finished = batches, 0
        channels, height, width = shape
        network = torch_networks.twin(recipe.model, channels, classes, (height, width), **recipe.model_options)
        torch_networks.copy_weights(model, network)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # the faster layout
        self.loss = torch.nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=recipe.lr, total_steps=epochs * len(batches)
        )

    def epoch(self) -> None:
        """Learn from the next epoch's batches."""
        self.network.train()
        self.batches.set_epoch(self.finished)
        for images, labels in self.batches:
            self.optimizer.zero_grad()
            loss = self.loss(self.network(torch.from_numpy(images.numpy())), torch.from_numpy(labels.numpy()))
            loss.item()  # as tinyconv's trainer reads it
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
        self.finished += 1

    def accuracy(self, batches: Batches) -> float:
        """The share of ``batches`` that is recognised."""
        self.network.eval()
        hits, samples = 0, 0
        with torch.no_grad():
            for images, labels in batches:
                found = self.network(torch.from_numpy(images.numpy())).argmax(1)
                hits += int((found == torch.from_numpy(labels.numpy())).sum())
                samples += len(found)
        return hits / samples
