"""Losses between scores of classes and the classes, or their probabilities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DeviceError, DimensionError, DTypeError, ShapeError
from tinyconv.ops.activation.softmax import log_softmax
from tinyconv.ops.images import require_floating
from tinyconv.ops.loss.cross_entropy import CrossEntropy, Targets
from tinyconv.ops.loss.loss import reduced, require_reduction

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Expectation(Operation):
    """e = sum_c q_c x_c over the classes; q_c = 0 leaves x_c out, even an infinite one.  dx = q de,  dq = x de."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any, q: Any) -> Any:
        self.retain_inputs(0, 1)
        products = layout.empty(x.shape, x.dtype, self.xp)
        with np.errstate(all="ignore"):
            self.xp.multiply(x, q, out=products)
        self.xp.copyto(products, 0, where=q == 0)
        # Of a single distribution, NumPy's sum is a number of its own, not an array.
        return self.xp.asarray(products.sum(axis=self.dim))

    def backward(self, de: Tensor) -> Any:
        x, q = self.retained()
        needs = self.needs_input_gradient
        cotangent = de.unsqueeze(self.dim)
        return cotangent * q if needs[0] else None, cotangent * x if needs[1] else None


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-weight[t] input[t]: the negative log likelihood of the target classes, given log-probabilities.

    ``weight``: one factor for each class. Targets equal to ``ignore_index`` count as nothing. ``reduction``: "mean"
    (weighted, over the targets that count; NaN where none does), "sum", or "none".

    Shape: input (N, C), (C,) or (N, C, d1, ...); target: that of input without C; weight (C,); result (), or that of
        target for "none".
    Dtype: input float32 or float64, which the result has too; target int64 or uint8.
    Raises: ``ShapeError``, ``DTypeError``; ``DimensionError`` for a class outside [0, C), of which on a GPU the loss
        becomes NaN instead; ``ArgumentError``.

    >>> F.nll_loss(tc.tensor([[-0.5, -1.0], [-2.0, -0.25]]), tc.tensor([0, 1]))
    tensor(0.375)
    """
    _check("nll_loss", input, target, weight, ignore_index, reduction)
    dim = _class_dim("nll_loss", input)
    likelihood, counts = _one_hot("nll_loss", input, target, weight, ignore_index, dim)
    return reduced(-Expectation(dim).apply(input, likelihood), reduction, counts)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-sum_c weight_c q_c log softmax(input)_c: the cross entropy of the target distribution q and the network's.

    ``target``: classes (then q is 1 at the class), or probabilities shaped like ``input``. ``weight``: one factor for
    each class. Classes equal to ``ignore_index`` count as nothing. ``label_smoothing`` e replaces q by (1 - e) q + e /
    C. ``reduction``: "mean" (for classes weighted, over those that count; for probabilities over all N), "sum", or
    "none".

    Shape: input (N, C), (C,) or (N, C, d1, ...); target: that of input, without C if it holds classes; weight (C,);
        result (), or that of classes for "none".
    Dtype: input float32 or float64, which the result has too; target int64 or uint8 for classes, else the input's.
    Raises: ``ShapeError``, ``DTypeError``; ``DimensionError`` for a class outside [0, C), of which on a GPU the loss
        becomes NaN instead; ``ArgumentError`` for a ``label_smoothing`` outside [0, 1].
    Source: label smoothing: Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016.

    >>> F.cross_entropy(tc.tensor([[0.0, 0.0], [0.0, 1000.0]]), tc.tensor([0, 1]), reduction="none")
    tensor([0.6931, 0.    ])
    """
    _check("cross_entropy", input, target, weight, ignore_index, reduction)
    if (
        isinstance(label_smoothing, bool)
        or not isinstance(label_smoothing, int | float)
        or not 0 <= label_smoothing <= 1
    ):
        raise ArgumentError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing!r}")
    dim = _class_dim("cross_entropy", input)
    if target.dtype.is_floating_point:
        q, counts = _soft(input, target, weight, label_smoothing, dim)
        return reduced(-Expectation(dim).apply(log_softmax(input, dim), q), reduction, counts)
    targets, counts = _targets("cross_entropy", input, target, weight, ignore_index, label_smoothing, dim)
    scale = {"none": None, "sum": 1.0, "mean": _inverse(counts)}[reduction]
    result: Tensor = CrossEntropy(targets, scale).apply(input)
    return result


def _inverse(counts: Any) -> Any:
    """1 / ``counts``, and NaN or, on a GPU, infinity where nothing counts, with which a sum of zeros becomes NaN."""
    if isinstance(counts, float):
        return 1 / counts if counts else math.nan
    return 1 / counts


def _check(name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> None:
    require_floating(name, input=input, weight=weight)
    require_reduction(name, reduction)
    if not isinstance(target, TensorBase):
        raise DTypeError(f"{name}: target must be a tensor, got {type(target).__name__}; see tensor()")
    for what, other in (("target", target), ("weight", weight)):
        if other is not None and other.device != input.device:
            raise DeviceError(f"{name}: input is on {input.device} and {what} on {other.device}; move one with .to()")
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int | np.integer):
        raise ArgumentError(f"{name}: ignore_index must be an int, got {ignore_index!r}")


def _class_dim(name: str, input: Tensor) -> int:
    if not input.shape:
        raise ShapeError(f"{name}: input has no dimensions; expected (N, C), (C,) or (N, C, d1, ...)")
    return 0 if len(input.shape) == 1 else 1


def _class_weights(name: str, input: Tensor, weight: Tensor | None, dim: int) -> Array:
    classes = input.shape[dim]
    if weight is None:
        ones: Array = array_module(input.device).ones(classes, input.array.dtype)
        return ones
    if weight.shape != (classes,):
        raise ShapeError(
            f"{name}: weight must have one element per class, shape ({classes},) for input {input.shape}, "
            f"got {weight.shape}"
        )
    return weight.array


def _targets(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    smoothing: float,
    dim: int,
) -> tuple[Targets, Any]:
    """Class targets and how much they count, and the sum of their classes' weights: on a GPU, an array of one."""
    xp = array_module(input.device)
    expected = input.shape[:dim] + input.shape[dim + 1 :]
    if target.shape != expected:
        raise ShapeError(
            f"{name}: target must have the shape of input {input.shape} without its class dimension, {expected}, "
            f"got {target.shape}"
        )
    if target.dtype.name not in ("int64", "uint8"):
        raise DTypeError(f"{name}: target holds classes and must be int64, got {target.dtype.name}; use .long()")
    if input.device.type != "cpu":
        return _unchecked_targets(name, input, target, weight, ignore_index, smoothing, dim)
    classes, dtype = input.shape[dim], input.array.dtype
    if weight is None and not smoothing and _all_count(target.array, classes, ignore_index):
        own, share, weights = (
            xp.full(shape, value, dtype) for shape, value in ((expected, 1), (expected, 0), (classes, 1))
        )
        return Targets(dim, target.array.copy(), own, share, weights), float(own.size)
    counted = target.array != ignore_index
    outside = counted & ((target.array < 0) | (target.array >= classes))
    if outside.any():
        raise DimensionError(
            f"{name}: target {int(target.array[outside][0])} is outside [0, {classes - 1}], the classes of input "
            f"{input.shape}; classes count from 0, and {ignore_index} (ignore_index) marks targets to leave out"
        )
    weights = _class_weights(name, input, weight, dim)
    chosen = xp.where(counted, target.array, 0).astype(np.int64)
    own = xp.where(counted, weights[chosen], 0).astype(dtype) if classes else xp.zeros(target.shape, dtype)
    share = (counted * (smoothing / classes if classes else 0.0)).astype(dtype)
    return Targets(dim, chosen, own * dtype.type(1 - smoothing), share, weights), float(own.sum())


def _unchecked_targets(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float, dim: int
) -> tuple[Targets, Any]:
    """The same on a GPU, where nobody waits to see whether a class lies outside: it counts as NaN, and so the loss."""
    xp, classes, dtype = array_module(input.device), input.shape[dim], input.array.dtype
    weights = _class_weights(name, input, weight, dim)
    numbers = target.array.astype(np.int64, copy=False)
    counted = numbers != ignore_index
    inside = numbers.view(np.uint64) < classes  # negative ones are very large without a sign
    if 0 <= ignore_index < classes:
        inside &= counted
    chosen = xp.where(inside, numbers, 0)
    of_class = dtype.type(1) if weight is None or not classes else weights[chosen]
    own = xp.where(inside, of_class, xp.where(counted, dtype.type(math.nan), dtype.type(0)))
    share = counted * dtype.type(smoothing / classes) if smoothing and classes else xp.zeros(own.shape, dtype)
    counts = own.sum(dtype=np.float64)
    return Targets(dim, chosen, own * dtype.type(1 - smoothing) if smoothing else own, share, weights), counts


def _all_count(target: Array, classes: int, ignore_index: int) -> bool:
    """Whether these are int64 classes, none of which is to be left out. Negative ones are very large without a sign."""
    if target.dtype != np.int64 or target.size == 0 or 0 <= ignore_index < classes:
        return False
    return bool(target.view(np.uint64).max() < classes)


def _one_hot(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, dim: int
) -> tuple[Any, Any]:
    """weight_c q_c for class targets, shaped like ``input``, and the sum of the targets' weights."""
    xp = array_module(input.device)
    targets, counts = _targets(name, input, target, weight, ignore_index, 0.0, dim)
    q = layout.zeros(input.shape, input.array.dtype, xp)
    if q.size:
        xp.put_along_axis(q, xp.expand_dims(targets.chosen, dim), xp.expand_dims(targets.own, dim), axis=dim)
    return input.wrap(q, input.device), counts


def _soft(input: Tensor, target: Tensor, weight: Tensor | None, smoothing: float, dim: int) -> tuple[Tensor, float]:
    """weight_c q_c for probabilities as targets, and the number of distributions."""
    require_floating("cross_entropy", input=input, target=target)
    if target.shape != input.shape:
        raise ShapeError(
            f"cross_entropy: floating-point targets are probabilities and must have the shape of input {input.shape}, "
            f"got {target.shape}; classes must be int64"
        )
    classes = input.shape[dim]
    q = target * (1 - smoothing) + smoothing / classes if smoothing else target
    if weight is not None:
        weights = _class_weights("cross_entropy", input, weight, dim)
        shape = (classes,) + (1,) * (len(input.shape) - dim - 1)
        q = q * input.wrap(weights.reshape(shape), input.device)
    return q, input.array.size / classes if classes else 0.0
