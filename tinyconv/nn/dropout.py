"""Dropout layers: at work in training only."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tinyconv.nn.arguments import probability
from tinyconv.nn.module import Module
from tinyconv.ops import dropout
from tinyconv.ops.tensor import Tensor


class _Dropout(Module):
    """Base: a probability, and the function that the layer calls."""

    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p = probability(p, f"{type(self).__name__}: p")
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Elements set to 0 with probability ``p`` in training, the others scaled by 1 / (1 - p): the mean stays.

    In evaluation it passes its input on. ``inplace``: write into the input. Draws follow ``manual_seed``.

    Shape: any.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1].
    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", 2014.

    >>> nn.Dropout(0.5).eval()(tc.ones(3))
    tensor([1., 1., 1.])
    """

    function = dropout.dropout


class Dropout1d(_Dropout):
    """Whole channels of sequences set to 0 with probability ``p`` in training, the others scaled by 1 / (1 - p).

    In evaluation it passes its input on. ``inplace``: write into the input.

    Shape: (N, C, L) or (C, L).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; in the call ``ShapeError`` for other numbers of dimensions.

    >>> nn.Dropout1d(0.5).eval()(tc.ones(1, 1, 3))
    tensor([[[1., 1., 1.]]])
    """

    function = dropout.dropout1d


class Dropout2d(_Dropout):
    """Whole channels of images set to 0 with probability ``p`` in training, the others scaled by 1 / (1 - p).

    In evaluation it passes its input on. ``inplace``: write into the input. Three dimensions are taken for (N, C, L),
    with a warning, as in PyTorch.

    Shape: (N, C, H, W).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; in the call ``ShapeError`` for other numbers of dimensions.
    Source: Tompson, Goroshin, Jain, LeCun & Bregler, "Efficient Object Localization Using Convolutional Networks",
        2015, section 3.2.

    >>> nn.Dropout2d(0.5).eval()(tc.ones(1, 1, 1, 2))
    tensor([[[[1., 1.]]]])
    """

    function = dropout.dropout2d


class Dropout3d(_Dropout):
    """Whole channels of volumes set to 0 with probability ``p`` in training, the others scaled by 1 / (1 - p).

    In evaluation it passes its input on. ``inplace``: write into the input.

    Shape: (N, C, D, H, W) or (C, D, H, W).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; in the call ``ShapeError`` for other numbers of dimensions.

    >>> nn.Dropout3d(0.5).eval()(tc.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 1.]]]]])
    """

    function = dropout.dropout3d


class AlphaDropout(_Dropout):
    """Dropout for SELU networks: elements take SELU's saturation value, and a mean of 0 and a variance of 1 stay.

    At work in training only, with probability ``p`` for each element. ``inplace``: write into the input.

    Shape: any.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1].
    Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-Normalizing Neural Networks", 2017.

    >>> nn.AlphaDropout(0.5).eval()(tc.ones(3))
    tensor([1., 1., 1.])
    """

    function = dropout.alpha_dropout


class FeatureAlphaDropout(_Dropout):
    """``AlphaDropout`` of whole channels.

    At work in training only, with probability ``p`` for each channel. ``inplace``: write into the input.

    Shape: (N, C, ...).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; in the call ``ShapeError`` for fewer than 2 dimensions.
    Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-Normalizing Neural Networks", 2017.

    >>> nn.FeatureAlphaDropout(0.5).eval()(tc.ones(1, 3))
    tensor([[1., 1., 1.]])
    """

    function = dropout.feature_alpha_dropout
