"""Learning-rate schedules: each sets ``lr`` in every group of an optimiser, as a function of the steps taken.

As in PyTorch, a schedule is stepped after the optimiser, and most compute the next rate from the present one, so that
several can act on one optimiser and a rate changed by hand stays changed. ``last_epoch`` counts the steps.
"""

from tinyconv.optim.lr_scheduler.base import LRScheduler
from tinyconv.optim.lr_scheduler.composition import ChainedScheduler, SequentialLR
from tinyconv.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from tinyconv.optim.lr_scheduler.cyclic import CyclicLR
from tinyconv.optim.lr_scheduler.decay import ExponentialLR, MultiStepLR, PolynomialLR, StepLR
from tinyconv.optim.lr_scheduler.functions import LambdaLR, MultiplicativeLR
from tinyconv.optim.lr_scheduler.one_cycle import OneCycleLR
from tinyconv.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinyconv.optim.lr_scheduler.warmup import ConstantLR, LinearLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
