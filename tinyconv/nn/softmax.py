"""Activation layers that look along a dimension, and the rectifier that learns a slope for each channel."""

from __future__ import annotations

from typing import Any

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ShapeError
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.activation import gated_activation, sloped_rectifier, softmax
from tinyconv.ops.tensor import Tensor


class _Along(Module):
    """What layers share that look along one dimension."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_Along):
    """e^(x_i) / sum_j e^(x_j) along ``dim``, which must be stated.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` when called without ``dim``; ``DimensionError``; ``DTypeError``.

    >>> nn.Softmax(dim=0)(tc.tensor([1.0, 1.0]))
    tensor([0.5, 0.5])
    """

    def forward(self, input: Tensor) -> Tensor:
        return softmax.softmax(input, self.dim)


class Softmin(_Along):
    """e^(-x_i) / sum_j e^(-x_j) along ``dim``, which must be stated.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` when called without ``dim``; ``DimensionError``; ``DTypeError``.

    >>> nn.Softmin(dim=0)(tc.tensor([0.0, 1000.0]))
    tensor([1., 0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return softmax.softmin(input, self.dim)


class LogSoftmax(_Along):
    """x_i - ln sum_j e^(x_j) along ``dim``, which must be stated.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` when called without ``dim``; ``DimensionError``; ``DTypeError``.

    >>> nn.LogSoftmax(dim=0)(tc.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return softmax.log_softmax(input, self.dim)


class Softmax2d(Module):
    """The softmax over the channels of each pixel.

    Shape: (N, C, H, W) or (C, H, W); the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` for other numbers of dimensions; ``DTypeError``.

    >>> nn.Softmax2d()(tc.zeros(1, 4, 2, 2))[0, :, 0, 0]
    tensor([0.25, 0.25, 0.25, 0.25])
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: input must be images (N, C, H, W) or (C, H, W), got shape {input.shape}")
        return softmax.softmax(input, -3)


class GLU(_Along):
    """a / (1 + e^-b), where a and b are the first and the second half of the input along ``dim``.

    Shape: (..., 2 n, ...), an even size along ``dim``; result (..., n, ...)
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ShapeError`` when called with an odd size; ``DimensionError``, ``DTypeError``.

    >>> nn.GLU()(tc.tensor([2.0, 4.0, 0.0, 100.0]))
    tensor([1., 4.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim)
        self.dim: int = dim

    def forward(self, input: Tensor) -> Tensor:
        return gated_activation.glu(input, self.dim)


class PReLU(Module):
    """x where x > 0, else ``weight`` x, with a learnt weight for each channel, or one for all.

    ``num_parameters``: 1, or the number of channels. ``init``: what the weights start from.

    Shape: input (N, C, ...) or any for one weight; weight (num_parameters,); result as input.
    Dtype: float32 or float64; the result has the input's, which must be the weight's.
    Raises: ``ArgumentError`` for fewer than 1 parameter; ``ShapeError`` when called with another number of channels.
    Source: He et al., "Delving deep into rectifiers", 2015.

    >>> nn.PReLU()(tc.tensor([-2.0, 3.0])).tolist()
    [-0.5, 3.0]
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = positive(num_parameters, "PReLU: num_parameters")
        self.init = init
        self.weight = new_parameter((num_parameters,), device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set every weight to ``init`` again."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return sloped_rectifier.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
