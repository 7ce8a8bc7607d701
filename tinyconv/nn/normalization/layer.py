"""Layer normalisation, root-mean-square normalisation, and local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError
from tinyconv.nn.arguments import positive
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.tracking import Affine
from tinyconv.ops.normalization import layer_norm, local_response_norm, rms_norm
from tinyconv.ops.normalization.channels import check_eps
from tinyconv.ops.tensor import Tensor


def _shape(layer: str, value: Any) -> tuple[int, ...]:
    """``normalized_shape`` as a tuple of sizes: an int stands for one dimension."""
    sizes = tuple(value) if isinstance(value, Sequence) else (value,)
    if not sizes or not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes):
        raise ArgumentError(f"{layer}: normalized_shape must be one or more sizes of at least 1, got {value!r}")
    return sizes


class LayerNorm(Affine):
    """Normalisation of each sample by the mean and variance over its last dimensions.

        y = (x - mean) / √(variance + eps) · weight + bias

    ``normalized_shape``: the sizes of those dimensions; an int is one of them. Weight and bias have one number for each
    of their elements. ``elementwise_affine=False``: no weight and bias, ``bias=False``: no bias.

    Shape: input (..., *normalized_shape); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` for sizes below 1 or an eps below 0; in the call ``ShapeError`` for other sizes.
    Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.

    >>> nn.LayerNorm(2, eps=0.0)(tc.tensor([[1.0, 3.0], [10.0, 30.0]])).detach()
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("LayerNorm", normalized_shape)
        check_eps("LayerNorm", eps)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_affine(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}{self.shown_bias()}"
        )


class RMSNorm(Affine):
    """Each sample over the root mean square of its last dimensions.

        y = x / √(mean of x² + eps) · weight

    ``normalized_shape``: the sizes of those dimensions; an int is one of them. ``eps``: by default the spacing of the
    type's numbers at 1. ``elementwise_affine=False``: no weight.

    Shape: input (..., *normalized_shape); result the same.
    Dtype: float32 or float64, the parameters'.
    Raises: ``ArgumentError`` for sizes below 1 or an eps below 0; in the call ``ShapeError`` for other sizes.
    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019.

    >>> nn.RMSNorm(2)(tc.tensor([[3.0, -3.0], [20.0, 20.0]])).detach()
    tensor([[ 1., -1.],
            [ 1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape("RMSNorm", normalized_shape)
        if eps is not None:
            check_eps("RMSNorm", eps)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_affine(self.normalized_shape, elementwise_affine, False, device, dtype)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """Each channel over a power of the mean square of ``size`` neighbouring channels at the same pixel.

        y[c] = x[c] / (k + alpha / size · Σ x[c']²)^beta,   c - size // 2 ≤ c' ≤ c + (size - 1) // 2

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W); result the same.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for a size below 1; in the call ``ShapeError`` for fewer than 3 dimensions.
    Source: Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 3.3.

    >>> nn.LocalResponseNorm(2, alpha=2.0, beta=1.0, k=0.0)(tc.ones(1, 3, 1)).flatten().tolist()
    [1.0, 0.5, 0.5]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = positive(size, "LocalResponseNorm: size")
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
