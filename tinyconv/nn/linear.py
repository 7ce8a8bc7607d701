"""Linear layers, and the layers that only reshape."""

from __future__ import annotations

from typing import Any

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.linear import linear
from tinyconv.ops.shape import flatten, unflatten
from tinyconv.ops.tensor import Tensor


class Linear(Module):
    """y = x Wᵀ + b of (..., in_features) to (..., out_features).

    ``weight``: (out_features, in_features); it and ``bias`` start from U(-k, k), k = 1/√in_features.
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


class Identity(Module):
    """Returns its input. Arguments are taken and ignored, so that it can stand in for any layer."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """Joins dimensions ``start_dim`` to ``end_dim`` into one: (N, C, H, W) to (N, C·H·W) by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension ``dim`` into ``unflattened_size``; one entry of it may be -1, the rest of the elements."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise ArgumentError(f"Unflatten: dim must be an int, got {dim!r}; named dimensions are not offered")
        sizes = tuple(unflattened_size)
        if not sizes or any(not isinstance(size, int) or size < -1 for size in sizes) or sizes.count(-1) > 1:
            raise ArgumentError(f"Unflatten: unflattened_size must be sizes, at most one of them -1, got {sizes}")
        self.dim = dim
        self.unflattened_size = sizes

    def forward(self, input: Tensor) -> Tensor:
        return unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
