"""What can be hung onto a training run."""

from __future__ import annotations

from tinyconv.train.callbacks.callback import Callback
from tinyconv.train.callbacks.early_stopping import EarlyStopping

__all__ = ["Callback", "EarlyStopping"]
