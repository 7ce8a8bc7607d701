"""Optimisers and learning-rate schedules, with PyTorch's names, defaults and update rules."""

from tinyconv.core.absent import explaining
from tinyconv.optim import lr_scheduler
from tinyconv.optim.adadelta import Adadelta
from tinyconv.optim.adagrad import Adagrad
from tinyconv.optim.adam import Adam, AdamW
from tinyconv.optim.adamax import Adamax
from tinyconv.optim.asgd import ASGD
from tinyconv.optim.nadam import NAdam
from tinyconv.optim.optimizer import Optimizer
from tinyconv.optim.radam import RAdam
from tinyconv.optim.rmsprop import RMSprop
from tinyconv.optim.rprop import Rprop
from tinyconv.optim.sgd import SGD

__getattr__ = explaining(__name__)

__all__ = [
    "ASGD",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
]
