"""Linear layers, and the layers that only reshape."""

from __future__ import annotations

import math
from typing import Any

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.product.linear import bilinear, linear
from tinyconv.ops.shape.shape import flatten, unflatten
from tinyconv.ops.tensor import Tensor


class Linear(Module):
    """y = x Wᵀ + b.

    ``weight`` and ``bias`` start from U(-k, k), k = 1/√in_features. Without ``bias`` there is no b.

    Shape: input (..., in_features); weight (out_features, in_features); bias (out_features,); result (...,
        out_features).
    Dtype: float32 or float64, the same for the input and the layer.
    Raises: ``ArgumentError`` for fewer than 1 feature; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.Linear(3, 2)(tc.zeros(4, 3)).shape
    (4, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: DType | None = None
    ) -> None:
        super().__init__()
        self.in_features = positive(in_features, "Linear: in_features")
        self.out_features = positive(out_features, "Linear: out_features")
        self.weight = new_parameter((out_features, in_features), device, dtype)
        if bias:
            self.bias = new_parameter((out_features,), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.default_weight_(self.weight)
        if self.bias is not None:
            init.default_bias_(self.bias, self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_k = Σᵢⱼ x1ᵢ weight_kij x2ⱼ + bias_k.

    ``weight`` and ``bias`` start from U(-k, k), k = 1/√in1_features. Without ``bias`` there is none.

    Shape: input1 (..., in1_features), input2 (..., in2_features); weight (out_features, in1_features, in2_features);
        bias (out_features,); result (..., out_features).
    Dtype: float32 or float64, the same for the inputs and the layer.
    Raises: ``ArgumentError`` for fewer than 1 feature; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.Bilinear(3, 4, 2)(tc.zeros(5, 3), tc.zeros(5, 4)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.in1_features = positive(in1_features, "Bilinear: in1_features")
        self.in2_features = positive(in2_features, "Bilinear: in2_features")
        self.out_features = positive(out_features, "Bilinear: out_features")
        self.weight = new_parameter((out_features, in1_features, in2_features), device, dtype)
        if bias:
            self.bias = new_parameter((out_features,), device, dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Identity(Module):
    """Returns its input. Arguments are taken and ignored, so that it can stand in for any layer.

    Shape: any
    Dtype: any
    Raises: nothing of its own.

    >>> nn.Identity(54, unused=True)(tc.tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """Joins dimensions ``start_dim`` to ``end_dim`` into one.

    Shape: by default, (N, C, H, W) becomes (N, C·H·W).
    Dtype: any
    Raises: when called, ``DimensionError`` for a dimension that the input does not have.

    >>> nn.Flatten()(tc.zeros(2, 3, 4, 5)).shape
    (2, 60)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension ``dim`` into ``unflattened_size``; one entry of it may be -1, the rest of the elements.

    Shape: by ``unflattened_size`` (3, 4), for one, (N, 12) becomes (N, 3, 4).
    Dtype: any
    Raises: ``ArgumentError`` for sizes that are none; when called, ``ShapeError`` where they do not fit.

    >>> nn.Unflatten(1, (3, -1))(tc.zeros(2, 12)).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]) -> None:
        super().__init__()
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise ArgumentError(f"Unflatten: dim must be an int, got {dim!r}; named dimensions are not offered")
        if not isinstance(unflattened_size, tuple | list):
            raise ArgumentError(f"Unflatten: unflattened_size must be a tuple of sizes, got {unflattened_size!r}")
        sizes = tuple(unflattened_size)
        if not sizes or any(not isinstance(size, int) or size < -1 for size in sizes) or sizes.count(-1) > 1:
            raise ArgumentError(f"Unflatten: unflattened_size must be sizes, at most one of them -1, got {sizes}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
