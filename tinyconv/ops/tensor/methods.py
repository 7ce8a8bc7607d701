"""The methods that are functions elsewhere: a function's first argument is the tensor."""

from __future__ import annotations

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops.activation import hard_activation, rectifier, sloped_rectifier, softmax


class Methods(TensorBase):
    """One line per family, in the order of the files in ``ops``."""

    relu, relu_ = rectifier.relu, rectifier.relu_
    prelu, hardshrink = sloped_rectifier.prelu, hard_activation.hardshrink
    softmax, log_softmax = softmax.softmax, softmax.log_softmax
