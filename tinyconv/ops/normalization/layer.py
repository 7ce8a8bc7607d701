"""Layer and root-mean-square normalisation: over the last dimensions, each sample by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.images import require_floating
from tinyconv.ops.normalization.channels import check_eps

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class LayerNorm(Operation):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with mean and variance over the last ``dims`` dimensions.

    With g = weight dy:  dx = (g - mean of g - xhat mean of (g xhat)) / sqrt(variance + eps).
    """

    kind = "norm"
    centred = True

    def __init__(self, dims: int, eps: float) -> None:
        self.dims, self.eps = dims, eps

    def rows(self, array: Array) -> Array:
        """What is normalised together as one row each: (M, D).

        Whole images stay in the memory order that they have, channels last, which is the same for all arrays here.
        """
        if self.of_images:
            array = layout.nhwc(array, self.xp)
            return array.reshape(len(array), math.prod(array.shape[1:]))
        split = array.ndim - self.dims
        return array.reshape(math.prod(array.shape[:split]), math.prod(array.shape[split:]))

    def _prepare(self, inputs: Any) -> None:
        super()._prepare(inputs)
        # Unrecorded, weight and bias are put in order once; in training they change before they are used again.
        self.memos = [None if tensor is None or self.recorded else tensor.memo() for tensor in inputs[1:]]

    def vector(self, array: Any, memo: dict[Any, Any] | None = None) -> Any:
        """Weight or bias in the order of a row."""
        if array is None or not self.of_images:
            return None if array is None else array.reshape(-1)
        turned = None if memo is None else memo.get("channels last")
        if turned is None:
            turned = self.xp.ravel(array.transpose(1, 2, 0))
            if memo is not None:
                memo["channels last"] = turned
        return turned

    def back(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """The inverse of ``rows``, in the engine's order."""
        if self.of_images:
            n, c, h, w = shape
            return rows.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        return layout.ordered(rows.reshape(shape), self.xp)

    def back_vector(self, array: Array, shape: tuple[int, ...]) -> Array:
        """The inverse of ``vector``."""
        if self.of_images:
            c, h, w = shape
            return self.xp.ascontiguousarray(array.reshape(h, w, c).transpose(2, 0, 1))
        return layout.ordered(array.reshape(shape), self.xp)

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        self.retain_inputs(0, 1)
        self.of_images = x.ndim == 4 and self.dims == 3
        vectors = [self.vector(array, memo) for array, memo in zip((weight, bias), (*self.memos, None), strict=False)]
        y, *statistics = backend(self.device).row_norm(self.rows(x), *vectors, self.eps, self.centred)
        self.saved = (*statistics, vectors[0])
        return self.back(y, x.shape)

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        if is_grad_enabled():
            return self.differentiable_backward(dy, x, weight)
        dx, dweight, dbias = backend(self.device).row_norm_gradient(
            self.rows(dy.array), self.rows(x.array), *self.saved, self.centred
        )
        shape = x.shape[x.ndim - self.dims :]
        arrays = self.back(dx, x.shape), self.back_vector(dweight, shape), self.back_vector(dbias, shape)
        wanted = zip(arrays, self.needs_input_gradient, strict=False)
        return tuple(dy.wrap(array, self.device) if needed else None for array, needed in wanted)

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        """The same formulas written with operations on tensors, so that they can be differentiated again."""
        split = x.ndim - self.dims
        together, samples = tuple(range(split, x.ndim)), tuple(range(split))
        scaled = dy if weight is None else dy * weight
        centred = x - x.mean(together, keepdim=True) if self.centred else x
        inverse_std = ((centred * centred).mean(together, keepdim=True) + self.eps).rsqrt()
        xhat = centred * inverse_std
        residual = scaled - xhat * (scaled * xhat).mean(together, keepdim=True)
        if self.centred:
            residual = residual - scaled.mean(together, keepdim=True)
        needs = self.needs_input_gradient
        gradients = (
            residual * inverse_std if needs[0] else None,
            _over_samples(dy * xhat, samples) if needs[1] else None,
            _over_samples(dy, samples) if len(needs) > 2 and needs[2] else None,
        )
        return gradients[: len(needs)]


class RmsNorm(LayerNorm):
    """y = weight x / sqrt(mean of x^2 + eps), over the last ``dims`` dimensions."""

    centred = False


def _over_samples(tensor: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The sum over the leading dimensions, of which there may be none."""
    return tensor.sum(dims) if dims else tensor


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """``input`` with mean 0 and variance 1 over its last dimensions, scaled by ``weight`` and shifted by ``bias``.

        y = (x - mean) / sqrt(variance + eps) weight + bias

    ``normalized_shape``: the sizes of those dimensions; weight and bias have one number for each of their elements. The
    variance is the biased one. Sums of float32 numbers are formed in short blocks, and sums of blocks in float64.

    Shape: input (..., *normalized_shape), result the same; weight and bias ``normalized_shape``.
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` where the last sizes are others than ``normalized_shape``, or weight or bias have another
        shape; ``ArgumentError`` for no dimensions or an eps below 0; ``DTypeError`` for other or mixed types.
    Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.

    >>> F.layer_norm(tc.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    require_floating("layer_norm", input=input, weight=weight, bias=bias)
    check_eps("layer_norm", eps)
    dims = _normalized_dims("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    result: Tensor = LayerNorm(dims, eps).apply(input, weight, bias)
    return result


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """``input`` over its root mean square in the last dimensions, scaled by ``weight``.

        y = x / sqrt(mean of x^2 + eps) weight

    ``normalized_shape``: the sizes of those dimensions. ``eps``: by default the spacing of the type's numbers at 1.

    Shape: input (..., *normalized_shape), result the same; weight ``normalized_shape``.
    Dtype: float32 or float64, the same for both; the result has it too.
    Raises: ``ShapeError`` where the last sizes are others than ``normalized_shape``, or weight has another shape;
        ``ArgumentError`` for no dimensions or an eps below 0; ``DTypeError`` for other or mixed types.
    Source: Zhang & Sennrich, "Root Mean Square Layer Normalization", 2019.

    >>> F.rms_norm(tc.tensor([[3.0, -3.0], [20.0, 20.0]]), (2,))
    tensor([[ 1., -1.],
            [ 1.,  1.]])
    """
    require_floating("rms_norm", input=input, weight=weight)
    if eps is None:
        eps = float(np.finfo(input.dtype.numpy).eps)
    check_eps("rms_norm", eps)
    dims = _normalized_dims("rms_norm", input, normalized_shape, weight=weight)
    result: Tensor = RmsNorm(dims, eps).apply(input, weight)
    return result


def _normalized_dims(name: str, input: Tensor, normalized_shape: Sequence[int], **factors: Tensor | None) -> int:
    if not isinstance(normalized_shape, Sequence) or not normalized_shape:
        raise ArgumentError(
            f"{name}: normalized_shape must be the sizes of one or more last dimensions of the input "
            f"{tuple(input.shape)}, got {normalized_shape!r}"
        )
    shape = tuple(normalized_shape)
    if tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"{name}: the last {len(shape)} sizes of input {tuple(input.shape)} are not normalized_shape {shape}; "
            "normalised are the last dimensions, and every size must be given"
        )
    for argument, tensor in factors.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ShapeError(
                f"{name}: {argument} must have the shape of what is normalised, {shape}, got {tuple(tensor.shape)}"
            )
    return len(shape)
