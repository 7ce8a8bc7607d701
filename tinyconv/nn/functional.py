"""The operations behind the layers, as functions: ``import tinyconv.nn.functional as F``."""

from tinyconv.ops.activation import log_softmax, logsigmoid, relu, sigmoid, softmax, tanh
from tinyconv.ops.convolution import conv2d
from tinyconv.ops.linear import linear
from tinyconv.ops.loss import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from tinyconv.ops.normalization import batch_norm
from tinyconv.ops.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from tinyconv.ops.random import dropout

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "l1_loss",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
