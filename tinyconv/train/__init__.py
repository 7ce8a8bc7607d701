"""Training: the loop, what happens around it, and the folder that a run leaves behind."""

from __future__ import annotations

from tinyconv.train.assessment import (
    Assessment,
    ClassScores,
    JudgedImages,
    assess,
    held_out_images,
    other_images,
    write_report,
)
from tinyconv.train.averaging import ExponentialAverage
from tinyconv.train.batches import Batches
from tinyconv.train.callbacks import Callback, EarlyStopping, GradientStatistics, StepLog, TensorBoard
from tinyconv.train.checkpoint import load_checkpoint, save_checkpoint
from tinyconv.train.comparison import Comparison, RunSummary, compare, comparison_png
from tinyconv.train.config import config_text, read_config
from tinyconv.train.experiment import Experiment
from tinyconv.train.loading import LoadedRun, load_run
from tinyconv.train.metrics import confusion_matrix
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.rate_finder import RateSearch, find_learning_rate
from tinyconv.train.recipes import Recipe, recipe_for
from tinyconv.train.records import EpochRecord, Evaluation
from tinyconv.train.resuming import Resumption, resume_run
from tinyconv.train.run_folder import RunFolder
from tinyconv.train.run_writer import RunWriter
from tinyconv.train.starting import Start, start_from
from tinyconv.train.trainer import Trainer
from tinyconv.train.tuning import SearchSpace, Trial, Tuning, tune, tuning_png
from tinyconv.train.warmup import warm_up

__all__ = [
    "Assessment",
    "Batches",
    "Callback",
    "ClassScores",
    "Comparison",
    "EarlyStopping",
    "EpochRecord",
    "Evaluation",
    "Experiment",
    "ExponentialAverage",
    "GradientStatistics",
    "JudgedImages",
    "LoadedRun",
    "Preprocessing",
    "RateSearch",
    "Recipe",
    "Resumption",
    "RunFolder",
    "RunSummary",
    "RunWriter",
    "SearchSpace",
    "Start",
    "StepLog",
    "TensorBoard",
    "Trainer",
    "Trial",
    "Tuning",
    "assess",
    "compare",
    "comparison_png",
    "config_text",
    "confusion_matrix",
    "find_learning_rate",
    "held_out_images",
    "load_checkpoint",
    "load_run",
    "other_images",
    "read_config",
    "recipe_for",
    "resume_run",
    "save_checkpoint",
    "start_from",
    "tune",
    "tuning_png",
    "warm_up",
    "write_report",
]
