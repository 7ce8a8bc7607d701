"""Dropout: elements or whole channels left out at random while training.

Which ones is drawn from the counter-based generator, so that it follows ``manual_seed`` and no number of threads
changes it; nor does the number of processes that share a batch, as masks are those of its samples (``core.parts``).
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.parts import numbers_before
from tinyconv.ops.images import require_floating
from tinyconv.ops.in_place.in_place import overwrite

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

SATURATION = -1.7580993408473766
"""What SELU tends to for very negative numbers, -1.0507 * 1.6733: the value that alpha dropout sets elements to."""


class Masked(Operation):
    """y = scale x keep, with keep 0 or 1;  dx = scale dy keep."""

    def __init__(self, keep: Array, scale: float) -> None:
        self.saved, self.scale = keep, scale

    def forward(self, x: Any) -> Any:
        with np.errstate(all="ignore"):  # infinity times 0 is NaN
            return backend(self.device).masked(x, self.saved, self.scale)

    def backward(self, dy: Tensor) -> Any:
        return Masked(self.saved, self.scale).apply(dy)


class Dropout(Operation):
    """y = x keep / (1 - p), with keep 0 or 1 for each element, or for all of a channel;  dx = dy keep / (1 - p)."""

    kind = "dropout"

    def __init__(self, p: float, mask_shape: tuple[int, ...]) -> None:
        self.p, self.mask_shape = p, mask_shape
        self.scale = 1 / (1 - p) if p < 1 else 0.0

    def forward(self, x: Any) -> Any:
        computes = backend(self.device)
        place, first = random.default_generator.place(), numbers_before(self.mask_shape)
        self.saved = computes.draw_mask(*place, self.p, self.mask_shape, first)
        with np.errstate(all="ignore"):  # infinity times 0 is NaN
            return computes.masked(x, self.saved, self.scale)

    def backward(self, dy: Tensor) -> Any:
        return Masked(self.saved, self.scale).apply(dy)


class AlphaDropout(Dropout):
    """y = a (x keep + s (1 - keep)) + b, with s the value that SELU saturates at;  dx = a dy keep.

    a = ((1 - p) (1 + p s^2))^(-1/2) and b = -a p s keep a mean of 0 and a variance of 1 as they are.
    """

    def __init__(self, p: float, mask_shape: tuple[int, ...]) -> None:
        super().__init__(p, mask_shape)
        self.scale = 1 / math.sqrt((1 - p) * (1 + p * SATURATION**2)) if p < 1 else 0.0

    def forward(self, x: Any) -> Any:
        result = super().forward(x)
        dtype = x.dtype.type
        shift = -self.scale * self.p * SATURATION
        result += self.xp.where(self.saved, dtype(shift), dtype(self.scale * SATURATION + shift))
        return result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``input`` with each element set to 0 with probability ``p``, the others scaled by 1 / (1 - p): the mean stays.

    Without ``training`` it is ``input`` itself. ``inplace`` writes into ``input`` and returns it, except that a view in
    a recorded computation is left as it is and the result is a new tensor. Draws follow ``manual_seed``.

    Shape: any.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, "Dropout", 2014 (scaled at training time).

    >>> F.dropout(tc.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    return _drop("dropout", Dropout, input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``input`` with whole channels set to 0 with probability ``p``, the others scaled by 1 / (1 - p).

    Neighbouring elements of a channel are alike, so that leaving out single ones would hide little. Without
    ``training`` it is ``input`` itself. ``inplace`` as in ``dropout``.

    Shape: (N, C, L) or (C, L).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for other numbers of dimensions; ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Tompson, Goroshin, Jain, LeCun & Bregler, "Efficient Object Localization Using Convolutional Networks",
        2015, section 3.2 (for images).

    >>> F.dropout1d(tc.ones(1, 2, 3), p=1.0)
    tensor([[[0., 0., 0.],
             [0., 0., 0.]]])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: input must be (N, C, L), or one sequence (C, L), got shape {tuple(input.shape)}")
    return _drop("dropout1d", Dropout, input, p, training, inplace, channel_dims=input.ndim - 1)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``input`` with whole channels set to 0 with probability ``p``, the others scaled by 1 / (1 - p).

    Neighbouring pixels of a channel are alike, so that leaving out single ones would hide little. Without ``training``
    it is ``input`` itself. ``inplace`` as in ``dropout``. As in PyTorch, three dimensions are taken for (N, C, L), with
    a warning, and not for one image (C, H, W): that needs ``unsqueeze(0)``.

    Shape: (N, C, H, W).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for other numbers of dimensions; ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Tompson, Goroshin, Jain, LeCun & Bregler, "Efficient Object Localization Using Convolutional Networks",
        2015, section 3.2.

    >>> F.dropout2d(tc.ones(1, 2, 1, 2), p=1.0)
    tensor([[[[0., 0.]],
    <BLANKLINE>
             [[0., 0.]]]])
    """
    if input.ndim not in (3, 4):
        raise ShapeError(f"dropout2d: input must be images (N, C, H, W), got shape {tuple(input.shape)}; use dropout")
    if input.ndim == 3:
        warnings.warn(
            f"dropout2d: input {tuple(input.shape)} is taken for (N, C, L), so that channels are those of dimension 1; "
            "use dropout1d for sequences, unsqueeze(0) for one image",
            stacklevel=2,
        )
    return _drop("dropout2d", Dropout, input, p, training, inplace, channel_dims=2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``input`` with whole channels of volumes set to 0 with probability ``p``, the others scaled by 1 / (1 - p).

    Neighbouring voxels of a channel are alike, so that leaving out single ones would hide little. Without ``training``
    it is ``input`` itself. ``inplace`` as in ``dropout``.

    Shape: (N, C, D, H, W) or (C, D, H, W).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for other numbers of dimensions; ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Tompson, Goroshin, Jain, LeCun & Bregler, "Efficient Object Localization Using Convolutional Networks",
        2015, section 3.2 (for images).

    >>> F.dropout3d(tc.ones(1, 2, 1, 1, 3), p=1.0).flatten().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if input.ndim not in (4, 5):
        raise ShapeError(
            f"dropout3d: input must be volumes (N, C, D, H, W), or one (C, D, H, W), got shape {tuple(input.shape)}"
        )
    return _drop("dropout3d", Dropout, input, p, training, inplace, channel_dims=input.ndim - 3)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for SELU networks: elements take SELU's saturation value, and a mean of 0 and a variance of 1 stay.

        y = a (x keep + s (1 - keep)) + b,   s = -1.7581,   a = ((1 - p) (1 + p s^2))^(-1/2),   b = -a p s

    ``p``: how often keep is 0. Without ``training``, which is the default, it is ``input`` itself. With p = 1 all is 0.
    ``inplace`` as in ``dropout``.

    Shape: any.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-Normalizing Neural Networks", 2017.

    >>> x = tc.randn(10000)
    >>> y = F.alpha_dropout(x, 0.3, training=True)
    >>> bool(abs(y.mean()) < 0.05 and abs(y.std() - 1) < 0.05)
    True
    """
    return _drop("alpha_dropout", AlphaDropout, input, p, training, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """``alpha_dropout`` of whole channels.

    ``p``: how often all of a channel takes SELU's saturation value. Without ``training``, which is the default, it is
    ``input`` itself. ``inplace`` as in ``dropout``.

    Shape: (N, C, ...).
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``ArgumentError`` for p outside [0, 1]; ``DTypeError``.
    Source: Klambauer, Unterthiner, Mayr & Hochreiter, "Self-Normalizing Neural Networks", 2017.

    >>> y = F.feature_alpha_dropout(tc.zeros(1, 20, 4), 0.5, training=True)
    >>> bool((y == y[:, :, :1]).all())
    True
    """
    if input.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: input must be (N, C, ...), got shape {tuple(input.shape)}")
    return _drop("feature_alpha_dropout", AlphaDropout, input, p, training, inplace, channel_dims=2)


def _drop(
    name: str,
    operation: type[Dropout],
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool,
    channel_dims: int | None = None,
) -> Tensor:
    """``channel_dims``: how many dimensions tell channels apart, for one draw each. None: one draw for each element."""
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1:
        raise ArgumentError(f"{name}: p is a probability in [0, 1], got {p}")
    require_floating(name, input=input)
    if not training or p == 0:
        return input
    shape = tuple(input.shape)
    if channel_dims is not None:
        shape = (*shape[:channel_dims], *(1,) * (len(shape) - channel_dims))
    if inplace:
        return overwrite(operation(p, shape), input, name=f"{name}(inplace=True)")
    result: Tensor = operation(p, shape).apply(input)
    return result
