"""The public ``Tensor``: the tape's plain tensor, with PyTorch's operators and methods."""

from __future__ import annotations

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops.tensor.array_methods import ArrayMethods
from tinyconv.ops.tensor.attributes import Attributes
from tinyconv.ops.tensor.conversion import Conversion
from tinyconv.ops.tensor.elementwise_methods import ElementwiseMethods
from tinyconv.ops.tensor.exchange import Exchange
from tinyconv.ops.tensor.methods import Methods
from tinyconv.ops.tensor.new import New
from tinyconv.ops.tensor.operators import Operators


class Tensor(Attributes, Conversion, Exchange, New, Operators, ElementwiseMethods, Methods, ArrayMethods):
    """An n-dimensional array on a device, with a gradient.

    Made by ``tinyconv.tensor(data)`` and its relatives; ``Tensor(array)`` wraps a NumPy array of one of tinyconv's
    types without copying. Types: float32, float64, int64, int32, uint8, bool. Shapes are logical (N, C, H, W); 4-D
    and 5-D results are stored channels-last.

    Raises: ``DTypeError`` for an array of another type.

    >>> x = tc.Tensor(np.zeros((2, 3), np.float32))
    >>> x.shape, x.dtype
    ((2, 3), tinyconv.float32)
    """


TensorBase.tensor_class = Tensor
