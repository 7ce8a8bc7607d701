"""Loss layers: each calls the function of the same name in ``nn.functional``.

Here: what all of them share, and the losses of classes and of yes-or-no answers.
"""

from __future__ import annotations

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module
from tinyconv.ops.loss import binary_loss, classification_loss
from tinyconv.ops.loss.loss import REDUCTIONS, choice
from tinyconv.ops.tensor import Tensor


class Loss(Module):
    """What the losses share: ``reduction``, "mean", "sum" or "none"."""

    reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self.reductions:
            raise ArgumentError(f"{type(self).__name__}: reduction is {choice(self.reductions)}, got {reduction!r}")
        self.reduction = reduction


class CrossEntropyLoss(Loss):
    """The cross entropy of target classes, or probabilities, and the softmax of the input.

    ``weight``: one factor for each class. ``ignore_index``: a class that does not count. ``label_smoothing``: how much
    of each target is spread evenly over all classes, in [0, 1].

    Shape: input (N, C), (C,) or (N, C, d1, ...); target: that of input, without C if it holds classes; result (), or
        that of classes for "none".
    Dtype: input float32 or float64; target int64 or uint8 for classes, else the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``, and
        ``DimensionError`` for a class outside [0, C).

    >>> nn.CrossEntropyLoss()(tc.tensor([[0.0, 0.0]]), tc.tensor([1]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return classification_loss.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


class NLLLoss(Loss):
    """The negative log likelihood: minus the input, log-probabilities, at the target classes.

    ``weight``: one factor for each class. ``ignore_index``: a class that does not count.

    Shape: input (N, C), (C,) or (N, C, d1, ...); target: that of input without C; result (), or that of target for
        "none".
    Dtype: input float32 or float64; target int64 or uint8.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``, and
        ``DimensionError`` for a class outside [0, C).

    >>> nn.NLLLoss()(tc.tensor([[-0.5, -1.0]]), tc.tensor([1]))
    tensor(1.)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return classification_loss.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class BCELoss(Loss):
    """The binary cross entropy of targets in [0, 1] and probabilities. Logarithms count as at least -100.

    ``weight``: factors, broadcast to the input.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.BCELoss()(tc.tensor([0.5]), tc.tensor([1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_loss.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """The binary cross entropy of targets in [0, 1] and the sigmoid of the input.

    ``weight``: factors, broadcast to the input. ``pos_weight``: factors of the positive part, broadcast likewise.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64, the same for all.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.BCEWithLogitsLoss()(tc.tensor([0.0]), tc.tensor([1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_loss.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class SoftMarginLoss(Loss):
    """ln(1 + e^(-t x)), for targets t of -1 or 1.

    Shape: input any; target is broadcast to it; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.SoftMarginLoss()(tc.tensor([0.0]), tc.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_loss.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """The mean over the classes of the binary cross entropies of targets, 0 or 1, and logits.

    ``weight``: factors, broadcast to the input.

    Shape: input (N, C) or (C,); target that of input; result (), or input's without the last dimension for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.MultiLabelSoftMarginLoss()(tc.tensor([[0.0, 0.0]]), tc.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return binary_loss.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)
