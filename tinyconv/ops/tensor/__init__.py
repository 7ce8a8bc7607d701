"""The public ``Tensor``: the tape's plain tensor, with PyTorch's operators and methods."""

from __future__ import annotations

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops.tensor.attributes import Attributes
from tinyconv.ops.tensor.conversion import Conversion
from tinyconv.ops.tensor.methods import Methods
from tinyconv.ops.tensor.operators import Operators


class Tensor(Attributes, Conversion, Operators, Methods):
    """An n-dimensional array on a device, with a gradient.

    Made by ``tinyconv.tensor(data)`` and its relatives; ``Tensor(array)`` wraps a NumPy array of one of tinyconv's
    types without copying. Types: float32, float64, int64, int32, uint8, bool. Shapes are logical (N, C, H, W); 4-D
    results are stored channels-last.
    """


TensorBase.tensor_class = Tensor
