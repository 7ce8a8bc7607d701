"""What can be hung onto a training run."""

from __future__ import annotations

from tinyconv.train.callbacks.callback import Callback

__all__ = ["Callback"]
