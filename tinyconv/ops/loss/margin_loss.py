"""Losses that ask for a margin: between scores, between distances, or between angles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from tinyconv.ops.dispatch import broadcast_shape, cast, wrap
from tinyconv.ops.elementwise.bounds import minimum
from tinyconv.ops.elementwise.elementwise import fill
from tinyconv.ops.elementwise.pointwise import number
from tinyconv.ops.elementwise.powers import rsqrt
from tinyconv.ops.elementwise.selection import where
from tinyconv.ops.images import require_floating
from tinyconv.ops.indexing.gathering import gather
from tinyconv.ops.loss.distance import pairwise_distance
from tinyconv.ops.loss.loss import reduced, require_reduction, require_tensors
from tinyconv.ops.reduction.reduction import sum
from tinyconv.ops.shape.shape import unsqueeze

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

Distance = Callable[[Any, Any], Any]

COSINE_EPSILON = 1e-12
"""Added to squared lengths, as in PyTorch."""


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """x where the target is 1, max(0, margin - x) where it is -1, for distances x.

    Shape: any; target is broadcast with input; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the target may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.hinge_embedding_loss(tc.tensor([0.25, 0.25]), tc.tensor([1, -1]), reduction="none")
    tensor([0.25, 0.75])
    """
    name = "hinge_embedding_loss"
    require_tensors(name, input=input, target=target)
    require_floating(name, input=input)
    require_reduction(name, reduction)
    broadcast_shape(name, input.shape, target.shape)
    zero = fill(input, 0)
    apart = (number(name, margin=margin) - input).clamp(min=0)
    return reduced(where(target != 1, apart, zero) + where(target != -1, input, zero), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: str = "mean"
) -> Tensor:
    """max(0, -t (x1 - x2) + margin): the target t is 1 where x1 should be the larger one, -1 where x2 should.

    Shape: all of the same number of dimensions, broadcast together; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the target may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.margin_ranking_loss(tc.tensor([3.0]), tc.tensor([1.0]), tc.tensor([-1.0]))
    tensor(2.)
    """
    name = "margin_ranking_loss"
    require_tensors(name, input1=input1, input2=input2, target=target)
    require_floating(name, input1=input1, input2=input2)
    require_reduction(name, reduction)
    _same_dimensions(name, input1=input1, input2=input2, target=target)
    return reduced((-target * (input1 - input2) + number(name, margin=margin)).clamp(min=0), reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: str = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Shape: inputs (N, D) and target (N,), or (D,) and (); result (), or that of the target for "none".
    Dtype: float32 or float64; the target may hold integers.
    Raises: ``ShapeError``, ``DTypeError``; ``ArgumentError`` for an unknown reduction.

    >>> F.cosine_embedding_loss(tc.tensor([[1.0, 0.0]]), tc.tensor([[3.0, 4.0]]), tc.tensor([1]))
    tensor(0.4)
    """
    name = "cosine_embedding_loss"
    require_tensors(name, input1=input1, input2=input2, target=target)
    require_floating(name, input1=input1, input2=input2)
    require_reduction(name, reduction)
    if len(target.shape) > 1 or {len(input1.shape), len(input2.shape)} != {len(target.shape) + 1}:
        raise ShapeError(
            f"{name}: expected inputs (N, D) and target (N,), or (D,) and (), got {input1.shape}, {input2.shape} and "
            f"{target.shape}"
        )
    shape = broadcast_shape(name, input1.shape, input2.shape)
    broadcast_shape(name, shape[:-1], target.shape)
    squares = (sum(input1 * input1, -1) + COSINE_EPSILON) * (sum(input2 * input2, -1) + COSINE_EPSILON)
    cosine = sum(input1 * input2, -1) * rsqrt(squares)
    zero = fill(cosine, 0)
    apart = (cosine - number(name, margin=margin)).clamp(min=0)
    return reduced(where(target == 1, 1 - cosine, zero) + where(target == -1, apart, zero), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with d the p-norm of the difference.

    ``swap``: take d(positive, negative) instead of d(anchor, negative) where it is smaller. ``eps``: as for
    ``pairwise_distance``.

    Shape: (N, D) or (D,), broadcast together; result (), or (N,) for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ArgumentError`` unless ``margin`` > 0, or for an unknown reduction; ``ShapeError``, ``DTypeError``.
    Source: Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
        networks", 2016.

    >>> F.triplet_margin_loss(tc.tensor([[0.0, 0.0]]), tc.tensor([[3.0, 4.0]]), tc.tensor([[0.0, 4.0]]))
    tensor(2.)
    """

    def distance(x1: Tensor, x2: Tensor) -> Tensor:
        return pairwise_distance(x1, x2, p, eps)

    return _triplet("triplet_margin_loss", anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with a distance d of one's own.

    ``distance_function``: of two tensors; ``pairwise_distance`` by default. ``swap``: take d(positive, negative)
    instead of d(anchor, negative) where it is smaller.

    Shape: (N, ...), of the same number of dimensions; result (), or that of the distances for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ArgumentError`` unless ``margin`` > 0, or for an unknown reduction; ``ShapeError``, ``DTypeError``.

    >>> distance = lambda x, y: (x - y).abs().sum(-1)
    >>> anchor, positive, negative = tc.tensor([[0.0]]), tc.tensor([[3.0]]), tc.tensor([[-1.0]])
    >>> F.triplet_margin_with_distance_loss(anchor, positive, negative, distance_function=distance)
    tensor(3.)
    """
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet("triplet_margin_with_distance_loss", anchor, positive, negative, distance, margin, swap, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """sum_i weight_y max(0, margin - x_y + x_i)^p / C over the classes i other than the target y.

    Shape: input (N, C) or (C,); target (N,) or (); weight (C,); result (), or that of target for "none".
    Dtype: input float32 or float64, which the result has too; target int64.
    Raises: ``ArgumentError`` unless ``p`` is 1 or 2, or for an unknown reduction; ``ShapeError``, ``DTypeError``;
        ``DimensionError`` for a class outside [0, C).

    >>> F.multi_margin_loss(tc.tensor([[0.1, 0.2, 0.4, 0.8]]), tc.tensor([3]))
    tensor(0.325)
    """
    name = "multi_margin_loss"
    require_floating(name, input=input, weight=weight)
    require_reduction(name, reduction)
    if p not in (1, 2):
        raise ArgumentError(f"{name}: p is 1 or 2, got {p!r}")
    classes = _check_classes(name, input, target, input.shape[:-1])
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"{name}: weight must have one element for each class, shape ({classes},), got {weight.shape}")
    own = unsqueeze(target, -1)
    terms = (number(name, margin=margin) - gather(input, -1, own) + input).clamp(min=0) ** p
    others = wrap(own.array != array_module(input.device).arange(classes), input.device)
    if weight is not None:
        terms = terms * unsqueeze(gather(weight, 0, target.reshape(-1)).reshape(target.shape), -1)
    return reduced(sum(terms * cast(others, input.dtype), -1) / classes, reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """sum_ij max(0, 1 - x_i + x_j) / C over the target classes i and the other classes j.

    ``target``: the classes of each sample, filled up with -1, after which nothing counts.

    Shape: input (N, C) or (C,); target that of input; result (), or (N,) for "none".
    Dtype: input float32 or float64, which the result has too; target int64.
    Raises: ``ShapeError``, ``DTypeError``; ``DimensionError`` for a class outside [-1, C); ``ArgumentError``.

    >>> F.multilabel_margin_loss(tc.tensor([[0.1, 0.2, 0.4, 0.8]]), tc.tensor([[3, 0, -1, 1]]))
    tensor(0.85)
    """
    name = "multilabel_margin_loss"
    require_floating(name, input=input)
    require_reduction(name, reduction)
    classes = _check_classes(name, input, target, input.shape, lowest=-1)
    listed = (target.array >= 0).cumprod(-1).astype(bool)  # up to the first -1
    chosen = wrap(target.array * listed, input.device)
    others = ~((target.array[..., None] == array_module(input.device).arange(classes)) & listed[..., None]).any(-2)
    counted = cast(wrap(listed[..., None] & others[..., None, :], input.device), input.dtype)
    terms = (1 - unsqueeze(gather(input, -1, chosen), -1) + unsqueeze(input, -2)).clamp(min=0)
    return reduced(sum(terms * counted, (-2, -1)) / classes, reduction)


def _triplet(
    name: str,
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Distance,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    require_floating(name, anchor=anchor, positive=positive, negative=negative)
    require_reduction(name, reduction)
    if not number(name, margin=margin) > 0:
        raise ArgumentError(f"{name}: margin must be above 0, got {margin}")
    _same_dimensions(name, anchor=anchor, positive=positive, negative=negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)


def _same_dimensions(name: str, **tensors: Tensor) -> None:
    shapes = [tensor.shape for tensor in tensors.values()]
    if len({len(shape) for shape in shapes}) > 1:
        described = ", ".join(f"{argument} {tensor.shape}" for argument, tensor in tensors.items())
        raise ShapeError(f"{name}: all must have the same number of dimensions, got {described}")
    broadcast_shape(name, *shapes)


def _check_classes(name: str, input: Tensor, target: Tensor, shape: tuple[int, ...], lowest: int = 0) -> int:
    """The number of classes of ``input``, (N, C) or (C,), whose targets must have ``shape``."""
    require_tensors(name, input=input, target=target)
    if len(input.shape) not in (1, 2) or not input.shape[-1]:
        raise ShapeError(f"{name}: input must have shape (N, C) or (C,), with at least one class, got {input.shape}")
    if target.shape != shape:
        raise ShapeError(f"{name}: target must have shape {shape} for input {input.shape}, got {target.shape}")
    if target.dtype.name != "int64":
        raise DTypeError(f"{name}: target holds classes and must be int64, got {target.dtype.name}; use .long()")
    classes = input.shape[-1]
    outside = (target.array < lowest) | (target.array >= classes)
    if outside.any():
        raise DimensionError(
            f"{name}: target {int(target.array[outside][0])} is outside [{lowest}, {classes - 1}], the classes of "
            f"input {input.shape}"
        )
    return classes
