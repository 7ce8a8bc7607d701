"""A small search over learning rate, width and augmentation: trials in folders of their own, and which one is best."""

from __future__ import annotations

from tinyconv.train.tuning.picture import tuning_png
from tinyconv.train.tuning.search import tune
from tinyconv.train.tuning.settings import Tuning
from tinyconv.train.tuning.space import SearchSpace
from tinyconv.train.tuning.trials import Trial

__all__ = ["SearchSpace", "Trial", "Tuning", "tune", "tuning_png"]
