"""Losses, each written so that large inputs neither overflow nor cancel."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError, UnsupportedError
from tinyconv.ops.activation import log_softmax, logsigmoid
from tinyconv.ops.images import require_floating

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Expectation(Operation):
    """e = sum_c q_c x_c over the classes; q_c = 0 leaves x_c out, even an infinite one.  dx = q de,  dq = x de."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any, q: Any) -> Any:
        self.retain_inputs(0, 1)
        products = layout.zeros(x.shape, x.dtype, self.xp)
        self.xp.multiply(x, q, out=products, where=q != 0)
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
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[t] input[t]: the negative log likelihood of the target classes, given log-probabilities.

    ``input``: (N, C), (C,), or (N, C, d1, ...); ``target``: the classes, int64, shaped like ``input`` without C.
    Targets equal to ``ignore_index`` count as nothing. ``reduction``: "mean" (weighted, over the targets that count),
    "sum", or "none". Raises ``ShapeError``, ``DTypeError``, ``DimensionError`` for a class outside [0, C).
    """
    _refuse_deprecated("nll_loss", size_average, reduce)
    require_floating("nll_loss", input=input, weight=weight)
    _require_tensor("nll_loss", target=target)
    dim = _class_dim("nll_loss", input)
    likelihood, counts = _one_hot("nll_loss", input, target, weight, ignore_index, 0.0, dim)
    return _reduced("nll_loss", -Expectation(dim).apply(input, likelihood), reduction, counts)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-sum_c weight_c q_c log softmax(input)_c, the cross entropy of the target distribution q and the network's.

    ``input``: logits (N, C), (C,), or (N, C, d1, ...). ``target``: classes, int64, shaped like ``input`` without C
    (then q is 1 at the class), or probabilities shaped like ``input``. ``label_smoothing`` e replaces q by
    (1 - e) q + e / C. Other arguments and errors as for ``nll_loss``; with probabilities the mean is over all N.
    """
    _refuse_deprecated("cross_entropy", size_average, reduce)
    require_floating("cross_entropy", input=input, weight=weight)
    _require_tensor("cross_entropy", target=target)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}")
    dim = _class_dim("cross_entropy", input)
    if target.dtype.is_floating_point:
        q, counts = _soft(input, target, weight, label_smoothing, dim)
    else:
        q, counts = _one_hot("cross_entropy", input, target, weight, ignore_index, label_smoothing, dim)
    return _reduced("cross_entropy", -Expectation(dim).apply(log_softmax(input, dim), q), reduction, counts)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(input - target)^2, reduced by "mean", "sum", or not at all ("none")."""
    _refuse_deprecated("mse_loss", size_average, reduce)
    _require_tensor("mse_loss", input=input, target=target)
    _warn_of_broadcasting("mse_loss", input, target)
    difference = input - target
    return _reduced("mse_loss", difference * difference, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """|input - target|, reduced by "mean", "sum", or not at all ("none"). The gradient at 0 is 0."""
    _refuse_deprecated("l1_loss", size_average, reduce)
    _require_tensor("l1_loss", input=input, target=target)
    _warn_of_broadcasting("l1_loss", input, target)
    return _reduced("l1_loss", (input - target).abs(), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-weight (pos_weight t log sigmoid(x) + (1 - t) log sigmoid(-x)), for logits x and targets t in [0, 1].

    ``target`` has the shape of ``input``; ``weight`` and ``pos_weight`` are broadcast to it.
    """
    name = "binary_cross_entropy_with_logits"
    _refuse_deprecated(name, size_average, reduce)
    require_floating(name, input=input, target=target, weight=weight, pos_weight=pos_weight)
    if input.shape != target.shape:
        raise ShapeError(f"{name}: target {target.shape} must have the shape of input {input.shape}")
    positive = target * logsigmoid(input)
    if pos_weight is not None:
        positive = positive * pos_weight
    losses = -(positive + (1 - target) * logsigmoid(-input))
    return _reduced(name, losses if weight is None else losses * weight, reduction)


def _refuse_deprecated(name: str, size_average: bool | None, reduce: bool | None) -> None:
    if size_average is not None or reduce is not None:
        raise UnsupportedError(
            f"{name}: size_average and reduce are deprecated in PyTorch; use reduction='mean' or 'sum'"
        )


def _require_tensor(name: str, **arguments: Any) -> None:
    for argument, value in arguments.items():
        if not isinstance(value, TensorBase):
            raise DTypeError(f"{name}: {argument} must be a tensor, got {type(value).__name__}; see tensor()")


def _warn_of_broadcasting(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: target {target.shape} differs from input {input.shape} and is broadcast, which is rarely meant; "
            "give both the same shape",
            stacklevel=3,
        )


def _reduced(name: str, losses: Tensor, reduction: str, counts: float | None = None) -> Tensor:
    """``losses`` reduced; a mean divides by ``counts``, where not every element counts the same."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction != "mean":
        raise ArgumentError(f"{name}: reduction is 'mean', 'sum' or 'none', got {reduction!r}")
    if counts is None:
        return losses.mean()
    # Nothing counted: 0/0, as in PyTorch.
    return losses.sum() * (1 / counts if counts else float("nan"))


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


def _one_hot(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    smoothing: float,
    dim: int,
) -> tuple[Any, float]:
    """weight_c q_c for class targets, shaped like ``input``, and the sum of the targets' weights."""
    xp = array_module(input.device)
    expected = input.shape[:dim] + input.shape[dim + 1 :]
    if target.shape != expected:
        raise ShapeError(
            f"{name}: target must have the shape of input {input.shape} without its class dimension, {expected}, "
            f"got {target.shape}"
        )
    if target.dtype.is_floating_point or target.dtype.name == "bool":
        raise DTypeError(f"{name}: target holds classes and must be int64, got {target.dtype.name}; use .long()")
    classes = input.shape[dim]
    counted = target.array != ignore_index
    outside = counted & ((target.array < 0) | (target.array >= classes))
    if outside.any():
        raise DimensionError(
            f"{name}: target {int(target.array[outside].flat[0])} is outside [0, {classes - 1}], the classes of input "
            f"{input.shape}; classes count from 0, and {ignore_index} (ignore_index) marks targets to leave out"
        )
    weights = _class_weights(name, input, weight, dim)
    chosen = xp.expand_dims(xp.where(counted, target.array, 0), dim)
    own = xp.where(xp.expand_dims(counted, dim), weights[chosen], 0).astype(input.array.dtype)
    q = layout.zeros(input.shape, input.array.dtype, xp)
    xp.put_along_axis(q, chosen, own, axis=dim)
    if smoothing:
        shape = (classes,) + (1,) * (len(input.shape) - dim - 1)
        share = weights.reshape(shape) * (smoothing / classes) * xp.expand_dims(counted, dim)
        q *= 1 - smoothing
        q += share
    return input.wrap(q, input.device), float(own.sum())


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
