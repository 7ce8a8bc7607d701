"""The cross entropy of scores and classes as one operation: softmax, logarithm, choice and reduction together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.backends import backend
from tinyconv.core import layout
from tinyconv.core.arrays import Array, is_writable
from tinyconv.ops.activation.softmax import softmax
from tinyconv.ops.dispatch import wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Targets(NamedTuple):
    """Classes and how much they count, for scores whose classes lie along ``dim``.

    ``chosen``: int64, 0 for a target that does not count. ``own``: what the loss of the target's own class counts;
    ``share``: what, times its weight, that of every class does. These three are shaped like the scores without ``dim``.
    """

    dim: int
    chosen: Array
    own: Array
    share: Array
    weights: Array


class CrossEntropy(Operation):
    """l = own (log s - x_t) + share sum_c w_c (log s - x_c), s = sum_c e^(x_c);  dx = dl (sum of q  softmax(x) - q).

    q_c = own [c = t] + share w_c. The result is l of each target, or the sum of all times ``scale``,
    a number or, on a GPU, an array without dimensions.
    """

    kind = "cross_entropy"

    def __init__(self, targets: Targets, scale: Any) -> None:
        self.targets, self.scale = targets, scale

    def forward(self, x: Any) -> Any:
        self.retain_inputs(0)
        _, chosen, own, share, weights = self.targets
        self.flat_targets = chosen.reshape(-1), own.reshape(-1), share.reshape(-1), weights
        losses, *self.saved = backend(self.device).cross_entropy(self.rows(x), *self.flat_targets)
        if self.scale is None:
            return layout.ordered(losses.reshape(chosen.shape), self.xp)
        with np.errstate(all="ignore"):
            return self.xp.asarray(losses.sum(dtype=np.float64) * self.scale, x.dtype)

    def backward(self, dloss: Tensor) -> Any:
        x = self.retained()
        if is_grad_enabled():
            return self.differentiable_backward(dloss, x)
        scores = self.rows(x.array)
        dlosses = self.xp.empty(len(scores), scores.dtype)
        with np.errstate(all="ignore"):
            dlosses[...] = dloss.array.reshape(-1) * self._slope(scores.dtype)
        dx = backend(self.device).cross_entropy_gradient(dlosses, scores, *self.flat_targets, *self.saved)
        return wrap(self.back(dx, x.shape), self.device)

    def differentiable_backward(self, dloss: Tensor, x: Tensor) -> Tensor:
        """The same formula written with operations on tensors, so that it can be differentiated again."""
        dim, chosen, own, share, weights = self.targets
        ends = (1,) * (len(x.shape) - dim - 1)
        shares = weights.reshape(-1, *ends) * self.xp.expand_dims(share, dim)
        weight = layout.copy(shares, self.xp)
        places = self.xp.expand_dims(chosen, dim)
        both = self.xp.take_along_axis(weight, places, dim) + self.xp.expand_dims(own, dim)
        self.xp.put_along_axis(weight, places, both, dim)
        q = wrap(weight, self.device)
        slope = wrap(self.xp.asarray(self._slope(x.array.dtype)), self.device)
        residual = softmax(x, dim) * q.sum(dim, keepdim=True) - q
        return residual * (dloss.unsqueeze(dim) if self.scale is None else dloss * slope)

    def _slope(self, dtype: Any) -> Any:
        """d(result) / d(sum of losses). Where nothing counts the result is NaN, but the gradient 0, as in PyTorch."""
        if self.scale is None or isinstance(self.scale, float):
            return dtype.type(1.0 if self.scale is None else self.scale if np.isfinite(self.scale) else 0.0)
        return self.xp.where(self.xp.isfinite(self.scale), self.scale, 0).astype(dtype)

    def rows(self, x: Array) -> Array:
        """The scores as rows (M, C) of the classes; of images, channels last, a view."""
        if x.ndim == 2 and x.flags.c_contiguous and is_writable(x):
            return x
        if x.ndim == 4:
            return layout.nhwc(x, self.xp).reshape(-1, x.shape[1])
        moved = self.xp.moveaxis(x, self.targets.dim, -1)
        return layout.writable(moved, self.xp).reshape(-1, x.shape[self.targets.dim])

    def back(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """The inverse of ``rows``."""
        if len(shape) == 2:
            return rows
        dim = self.targets.dim
        moved = rows.reshape(*shape[:dim], *shape[dim + 1 :], shape[dim])
        return layout.ordered(self.xp.moveaxis(moved, -1, dim), self.xp)
