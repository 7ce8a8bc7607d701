"""Optimisers and learning-rate schedules, with PyTorch's names, defaults and update rules."""

from tinyconv.optim import lr_scheduler
from tinyconv.optim.adam import Adam, AdamW
from tinyconv.optim.optimizer import Optimizer
from tinyconv.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
