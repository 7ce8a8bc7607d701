"""Layers, losses and containers, with PyTorch's names, signatures and defaults."""

from tinyconv.nn import functional, init, utils
from tinyconv.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tinyconv.nn.containers import ModuleDict, ModuleList, Sequential
from tinyconv.nn.convolution import Conv2d
from tinyconv.nn.dropout import Dropout
from tinyconv.nn.linear import Flatten, Identity, Linear, Unflatten
from tinyconv.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from tinyconv.nn.module import Module
from tinyconv.nn.normalization import BatchNorm2d
from tinyconv.nn.parameter import Parameter
from tinyconv.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "L1Loss",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "utils",
]
