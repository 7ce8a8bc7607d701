"""What batch, instance and group normalisation share: each channel's numbers minus a mean, over a deviation.

With mean and biased variance of m numbers that are normalised together, weight and bias one number for each channel:

    xhat = (x - mean) / sqrt(variance + eps),          y = weight xhat + bias
    dbias = sum dy,   dweight = sum dy xhat,   g = weight dy
    dx = (g - mean of g - xhat mean of (g xhat)) / sqrt(variance + eps)

What is normalised together: the same channel in all images (batch: one set, as many groups as channels), in one image
(instance: every image a set), or several channels of one image (group).

Sums over pixels are the backend's; what there is for each channel of a set is combined here, in float64 (sets, C).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class ChannelNorm(Operation):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with the statistics of x itself."""

    kind = "norm"

    def __init__(self, eps: float, per_image: bool, groups: int) -> None:
        self.eps, self.per_image, self.groups = eps, per_image, groups

    def moments(self, images: Array) -> tuple[Array, Array]:
        """Mean and biased variance for each channel of each set, those of its group, in float64."""
        mean, variance = backend(self.device).channel_moments(images, self.sets)
        common = self.group_mean(mean)
        return common, self.group_mean(variance + (mean - common) ** 2)

    def group_mean(self, values: Array) -> Array:
        """(sets, C) averaged over the channels of each group, and repeated for them."""
        sets, channels = values.shape
        if channels == self.groups:
            return values
        grouped = values.reshape(sets, self.groups, -1)
        repeated: Array = grouped.mean(axis=2).repeat(grouped.shape[2], axis=1)
        return repeated

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        self.retain_inputs(0, 1)
        images = as_images(x)
        self.sets = max(1, len(x)) if self.per_image else 1
        # An infinite sum makes a NaN, as in PyTorch; NumPy's warnings would name a line in here.
        with np.errstate(all="ignore"):
            self.mean, self.variance = self.moments(images)
            inverse_std = 1 / self.xp.sqrt(self.variance + self.eps)
        self.saved = self.mean, inverse_std
        shift = self.xp.zeros_like(self.mean) if bias is None else bias + 0 * self.mean
        scale = inverse_std if weight is None else inverse_std * weight
        return backend(self.device).channel_affine(images, self.mean, scale, shift).reshape(x.shape)

    def backward(self, dy: Tensor) -> Any:
        x, weight = self.retained()
        if is_grad_enabled():
            return self.differentiable_backward(dy, x, weight)
        with np.errstate(all="ignore"):
            arrays = self.fused_backward(as_images(dy.array), as_images(x.array), weight)
        wanted = zip((arrays[0].reshape(x.shape), *arrays[1:]), self.needs_input_gradient, strict=True)
        return tuple(dy.wrap(array, self.device) if needed else None for array, needed in wanted)

    def fused_backward(self, dy: Array, x: Array, weight: Tensor | None) -> tuple[Array, Array, Array]:
        """(dx, dweight, dbias) from two passes: one for the sums, one for dx."""
        mean, inverse_std = self.saved
        sums, products = backend(self.device).channel_products(dy, x, mean)
        dx = self.input_gradient(dy, x, 1.0 if weight is None else weight.array, sums, products)
        dweight = (products * inverse_std).sum(axis=0).astype(x.dtype)
        return dx, dweight, sums.sum(axis=0).astype(x.dtype)

    def input_gradient(self, dy: Array, x: Array, weight: Any, sums: Array, products: Array) -> Array:
        """dx, from the sums of dy and of dy (x - mean) over the pixels of each channel of each set."""
        mean, inverse_std = self.saved
        pixels = max(1, x.size // (self.sets * x.shape[1]))
        common = self.group_mean(weight * sums) / pixels
        projection = self.group_mean(weight * products * inverse_std) / pixels
        factors = weight * inverse_std, -projection * inverse_std**2, -common * inverse_std
        dx: Array = backend(self.device).channel_combination(dy, x, mean, *(factor + 0 * mean for factor in factors))
        return dx

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        """The same formulas written with operations on tensors, so that they can be differentiated again."""
        shape = (len(x), self.groups, -1) if self.per_image else x.shape
        together = (2,) if self.per_image else (0, *range(2, x.ndim))
        scaled = (dy if weight is None else dy * per_channel(weight, x.ndim)).reshape(*shape)
        grouped = x.reshape(*shape)
        centred = grouped - grouped.mean(together, keepdim=True)
        inverse_std = ((centred * centred).mean(together, keepdim=True) + self.eps).rsqrt()
        xhat = centred * inverse_std
        residual = scaled - scaled.mean(together, keepdim=True) - xhat * (scaled * xhat).mean(together, keepdim=True)
        return self.gradients(dy, xhat.reshape(*x.shape), (residual * inverse_std).reshape(*x.shape))

    def gradients(self, dy: Tensor, xhat: Tensor, dx: Tensor) -> tuple[Tensor | None, ...]:
        """Those that are wanted of dx, dweight and dbias."""
        pixels = (0, *range(2, dy.ndim))
        needs = self.needs_input_gradient
        return (
            dx if needs[0] else None,
            (dy * xhat).sum(pixels) if needs[1] else None,
            dy.sum(pixels) if needs[2] else None,
        )


class FrozenNorm(ChannelNorm):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, with given statistics: constants to the gradient.

    So dx = weight / sqrt(variance + eps) dy.
    """

    def __init__(self, eps: float, mean: Array, variance: Array) -> None:
        super().__init__(eps, per_image=False, groups=mean.size)
        # Copied: the running averages move on before backward, if a training step follows.
        self.given = mean.astype(np.float64)[None], variance.astype(np.float64)[None]

    def moments(self, images: Array) -> tuple[Array, Array]:
        return self.given

    def input_gradient(self, dy: Array, x: Array, weight: Any, sums: Array, products: Array) -> Array:
        zero, scale = self.xp.zeros_like(self.mean), weight * self.saved[1]
        dx: Array = backend(self.device).channel_affine(dy, zero, scale, zero)
        return dx

    def differentiable_backward(self, dy: Tensor, x: Tensor, weight: Tensor | None) -> Any:
        mean, inverse_std = (
            per_channel(dy.wrap(array[0].astype(x.array.dtype), self.device), x.ndim)  # type: ignore[arg-type]
            for array in self.saved
        )
        dx = dy * inverse_std
        if weight is not None:
            dx = dx * per_channel(weight, x.ndim)
        return self.gradients(dy, (x - mean) * inverse_std, dx)


def as_images(array: Array) -> Array:
    """(N, C), (N, C, L) or (N, C, D, H, W) seen as images (N, C, H', W')."""
    if array.ndim == 4:
        return array
    return array.reshape(*array.shape[:2], 1, math.prod(array.shape[2:]))


def per_channel(values: Tensor, ndim: int) -> Tensor:
    """(C,) as (C, 1, 1, ...), to be combined with (N, C, ...)."""
    return values.reshape(-1, *(1,) * (ndim - 2))


def check_channels(name: str, input: Tensor, **vectors: Tensor | None) -> int:
    """The number of channels of ``input``. Raises unless it is (N, C, ...) and the ``vectors`` are (C,)."""
    require_floating(name, input=input, **vectors)
    if input.ndim < 2:
        raise ShapeError(
            f"{name}: input must have a batch and channels, (N, C) or (N, C, ...), got shape {tuple(input.shape)}; "
            "unsqueeze(0) makes a batch of one"
        )
    channels = input.shape[1]
    for argument, tensor in vectors.items():
        if tensor is not None and tuple(tensor.shape) != (channels,):
            raise ShapeError(
                f"{name}: {argument} must have one element per channel of the input {tuple(input.shape)}, "
                f"shape ({channels},), got {tuple(tensor.shape)}"
            )
    return channels


def check_eps(name: str, eps: float) -> None:
    """Raise ``ArgumentError`` unless ``eps`` is a number of at least 0."""
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not eps >= 0:
        raise ArgumentError(f"{name}: eps must be at least 0, got {eps!r}; it is a number that is added to a variance")


def move_towards(running: Tensor | None, batch: Array, momentum: float) -> None:
    """running = (1 - momentum) running + momentum batch, in place."""
    if running is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            running.array[...] = (1 - momentum) * running.array + momentum * batch
        running.bump_version()


def count_one_more(counter: Tensor) -> None:
    """counter = counter + 1, in place: a whole operation would take longer than a small map's normalisation."""
    counter.array[...] += 1
    counter.bump_version()
