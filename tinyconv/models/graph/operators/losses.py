"""Losses of classes: of log-probabilities, and of scores."""

from __future__ import annotations

from typing import Any

from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor

NO_CLASS = -100
"""What no label is, where a node names no class that is to be left out."""


@operator("NegativeLogLikelihoodLoss")
def negative_log_likelihood(
    x: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> Tensor:
    ignored = NO_CLASS if ignore_index is None else ignore_index
    return F.nll_loss(x, target.long(), weight, ignore_index=ignored, reduction=reduction)


@operator("SoftmaxCrossEntropyLoss")
def softmax_cross_entropy(
    scores: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
    outputs: int = 1,
) -> Any:
    if outputs == 1:
        ignored = NO_CLASS if ignore_index is None else ignore_index
        return F.cross_entropy(scores, labels.long(), weights, ignore_index=ignored, reduction=reduction)
    log_probabilities = F.log_softmax(scores, 1)
    loss = negative_log_likelihood(log_probabilities, labels, weights, ignore_index=ignore_index, reduction=reduction)
    return loss, log_probabilities
