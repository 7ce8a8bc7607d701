"""What can be hung onto a training run."""

from __future__ import annotations

from tinyconv.train.callbacks.callback import Callback
from tinyconv.train.callbacks.early_stopping import EarlyStopping
from tinyconv.train.callbacks.gradient_statistics import GradientStatistics
from tinyconv.train.callbacks.json_lines import JsonLines
from tinyconv.train.callbacks.step_log import StepLog
from tinyconv.train.callbacks.tensor_board import TensorBoard

__all__ = ["Callback", "EarlyStopping", "GradientStatistics", "JsonLines", "StepLog", "TensorBoard"]
