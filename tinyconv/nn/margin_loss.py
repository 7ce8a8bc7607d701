"""Loss layers that ask for a margin: each calls the function of the same name in ``nn.functional``."""

from __future__ import annotations

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.distance import PairwiseDistance
from tinyconv.nn.loss import Loss
from tinyconv.ops.loss import margin_loss
from tinyconv.ops.tensor import Tensor


class HingeEmbeddingLoss(Loss):
    """x where the target is 1, max(0, margin - x) where it is -1, for distances x.

    Shape: any; target is broadcast with input; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.HingeEmbeddingLoss()(tc.tensor([0.25]), tc.tensor([-1]))
    tensor(0.75)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return margin_loss.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """max(0, -t (x1 - x2) + margin): the target t is 1 where x1 should be the larger one, -1 where x2 should.

    Shape: all of the same number of dimensions, broadcast together; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.MarginRankingLoss()(tc.tensor([3.0]), tc.tensor([1.0]), tc.tensor([-1.0]))
    tensor(2.)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return margin_loss.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(Loss):
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Shape: inputs (N, D) and target (N,), or (D,) and (); result (), or that of the target for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.CosineEmbeddingLoss()(tc.tensor([[1.0, 0.0]]), tc.tensor([[3.0, 4.0]]), tc.tensor([1]))
    tensor(0.4)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return margin_loss.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with d the p-norm of the difference.

    ``swap``: take d(positive, negative) instead of d(anchor, negative) where it is smaller.

    Shape: (N, D) or (D,), broadcast together; result (), or (N,) for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` unless ``margin`` > 0, or for an unknown reduction; when called, ``ShapeError``,
        ``DTypeError``.

    >>> nn.TripletMarginLoss()(tc.tensor([[0.0, 0.0]]), tc.tensor([[3.0, 4.0]]), tc.tensor([[0.0, 4.0]]))
    tensor(2.)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        if not margin > 0:
            raise ArgumentError(f"TripletMarginLoss: margin must be above 0, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return margin_loss.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), with a distance d of one's own.

    ``distance_function``: of two tensors; by default, ``PairwiseDistance()``. ``swap``: take d(positive, negative)
    instead of d(anchor, negative) where it is smaller.

    Shape: (N, ...), of the same number of dimensions; result (), or that of the distances for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` unless ``margin`` > 0, or for an unknown reduction; when called, ``ShapeError``,
        ``DTypeError``.

    >>> distance = lambda x, y: (x - y).abs().sum(-1)
    >>> loss = nn.TripletMarginWithDistanceLoss(distance_function=distance)
    >>> loss(tc.tensor([[0.0]]), tc.tensor([[3.0]]), tc.tensor([[-1.0]]))
    tensor(3.)
    """

    def __init__(
        self,
        *,
        distance_function: margin_loss.Distance | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        if not margin > 0:
            raise ArgumentError(f"TripletMarginWithDistanceLoss: margin must be above 0, got {margin}")
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return margin_loss.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class MultiMarginLoss(Loss):
    """sum_i weight_y max(0, margin - x_y + x_i)^p / C over the classes i other than the target y.

    Shape: input (N, C) or (C,); target (N,) or (); weight (C,); result (), or that of target for "none".
    Dtype: input float32 or float64; target int64.
    Raises: ``ArgumentError`` unless ``p`` is 1 or 2, or for an unknown reduction; when called, ``ShapeError``,
        ``DTypeError``, and ``DimensionError`` for a class outside [0, C).

    >>> nn.MultiMarginLoss()(tc.tensor([[0.1, 0.2, 0.4, 0.8]]), tc.tensor([3]))
    tensor(0.325)
    """

    weight: Tensor | None

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p is 1 or 2, got {p!r}")
        self.register_buffer("weight", weight)
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return margin_loss.multi_margin_loss(
            input, target, weight=self.weight, p=self.p, margin=self.margin, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """sum_ij max(0, 1 - x_i + x_j) / C over the target classes i and the other classes j.

    The target holds the classes of each sample, filled up with -1, after which nothing counts.

    Shape: input (N, C) or (C,); target that of input; result (), or (N,) for "none".
    Dtype: input float32 or float64; target int64.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.MultiLabelMarginLoss()(tc.tensor([[0.1, 0.2, 0.4, 0.8]]), tc.tensor([[3, 0, -1, 1]]))
    tensor(0.85)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return margin_loss.multilabel_margin_loss(input, target, reduction=self.reduction)
