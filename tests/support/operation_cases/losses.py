"""Losses and distances."""

from __future__ import annotations

from typing import Any

import tinyconv as tc
from operation_cases.case import Draw, case, distributions, integers, normal, positive, separated
from tinyconv.ops.loss import binary_loss, classification_loss, distance, margin_loss, regression_loss


def signs(*shape: int) -> Draw:
    return lambda generator: generator.integers(0, 2, shape) * 2 - 1


def logits_and_weights(function: Any, x: tc.Tensor, target: tc.Tensor) -> tc.Tensor:
    return function(x, target, pos_weight=tc.tensor([0.5, 2.0, 3.0], dtype=x.dtype, device=x.device), reduction="sum")


PAIR = separated(2, 3), positive(2, 3, low=0.01, high=0.02)
"""Differences of both signs, away from every kink."""

VECTORS = normal(4, 3), normal(4, 3)

CASES = [
    *(
        case(function, *draws, label=label, **keywords)
        for function in (classification_loss.nll_loss, classification_loss.cross_entropy)
        for label, draws, keywords in (
            ("rows", (normal(4, 3), integers(4, below=3)), {}),
            ("one", (normal(3), integers(below=3)), {}),
            ("images", (normal(2, 3, 4, 2), integers(2, 4, 2, below=3)), {"reduction": "sum"}),
            ("ignored", (normal(4, 3), integers(4, below=3)), {"ignore_index": 1, "reduction": "none"}),
        )
    ),
    case(classification_loss.cross_entropy, normal(4, 3), integers(4, below=3), label_smoothing=0.2, label="smoothed"),
    case(
        classification_loss.cross_entropy,
        normal(5, 3),
        integers(5, below=3),
        positive(3),
        constants=(2,),
        label_smoothing=0.1,
        ignore_index=2,
        label="weighted",
    ),
    case(classification_loss.cross_entropy, normal(4, 3), distributions(4, 3), label_smoothing=0.2, label="soft"),
    case(
        classification_loss.cross_entropy,
        normal(4, 3),
        distributions(4, 3),
        positive(3),
        constants=(2,),
        label="soft, weighted",
    ),
    *(
        case(function, *PAIR, reduction=reduction, label=reduction)
        for function in (regression_loss.mse_loss, regression_loss.l1_loss, regression_loss.smooth_l1_loss)
        for reduction in ("mean", "sum", "none")
    ),
    case(
        regression_loss.huber_loss,
        *PAIR,
        positive(2, 3),
        call=lambda f, x, y, weight: f(x, y, delta=0.35, weight=weight),
        torch=None,
        label="weighted",
    ),
    case(regression_loss.smooth_l1_loss, *PAIR, beta=0.35, label="beta"),
    case(regression_loss.smooth_l1_loss, *PAIR, beta=0, label="beta 0"),
    case(regression_loss.huber_loss, *PAIR, delta=0.35),
    case(regression_loss.huber_loss, *PAIR, reduction="none", delta=0.35, label="none"),
    case(regression_loss.kl_div, normal(4, 3), distributions(4, 3), reduction="batchmean"),
    case(regression_loss.kl_div, normal(4, 3), normal(4, 3), reduction="none", log_target=True, label="log target"),
    case(regression_loss.poisson_nll_loss, normal(4, 3), positive(4, 3)),
    case(regression_loss.poisson_nll_loss, positive(3), positive(3, low=1.2), log_input=False, full=True, label="full"),
    case(regression_loss.gaussian_nll_loss, normal(4, 3), normal(4, 3), positive(4, 3)),
    case(regression_loss.gaussian_nll_loss, normal(4, 3), normal(4, 3), positive(4), full=True, label="one variance"),
    case(binary_loss.binary_cross_entropy, positive(2, 3, low=0.1, high=0.9), positive(2, 3, low=0.1, high=0.9)),
    case(
        binary_loss.binary_cross_entropy,
        positive(2, 3, low=0.1, high=0.9),
        positive(2, 3, low=0.1, high=0.9),
        positive(3),
        constants=(2,),
        reduction="sum",
        label="weighted",
    ),
    case(binary_loss.binary_cross_entropy_with_logits, normal(2, 3), positive(2, 3, low=0.1, high=0.9)),
    case(
        binary_loss.binary_cross_entropy_with_logits,
        normal(2, 3),
        positive(2, 3, low=0.1, high=0.9),
        call=logits_and_weights,
        torch=None,
        label="weighted",
    ),
    case(binary_loss.soft_margin_loss, normal(2, 3), signs(2, 3)),
    case(binary_loss.multilabel_soft_margin_loss, normal(2, 3), positive(2, 3, low=0.1, high=0.9)),
    case(margin_loss.hinge_embedding_loss, normal(2, 3), signs(2, 3), margin=0.5),
    case(margin_loss.margin_ranking_loss, normal(5), normal(5), signs(5), margin=0.5),
    case(margin_loss.cosine_embedding_loss, *VECTORS, signs(4), margin=0.1),
    case(margin_loss.triplet_margin_loss, *VECTORS, normal(4, 3)),
    case(margin_loss.triplet_margin_loss, *VECTORS, normal(4, 3), margin=3.0, p=3, swap=True, label="swapped"),
    case(margin_loss.triplet_margin_with_distance_loss, *VECTORS, normal(4, 3), reduction="none"),
    case(margin_loss.multi_margin_loss, normal(4, 3), integers(4, below=3)),
    case(
        margin_loss.multi_margin_loss,
        normal(4, 3),
        integers(4, below=3),
        call=lambda f, x, y: f(x, y, 2, 0.7, tc.tensor([0.5, 1.0, 2.0], dtype=x.dtype, device=x.device), "sum"),
        torch=None,
        label="squared, weighted",
    ),
    case(margin_loss.multilabel_margin_loss, normal(4, 3), integers(4, 3, below=3)),
    case(distance.cosine_similarity, *VECTORS),
    case(distance.cosine_similarity, normal(2, 3, 4), normal(3, 1), dim=-2, label="broadcast"),
    case(distance.pairwise_distance, *VECTORS),
    case(distance.pairwise_distance, *VECTORS, p=3, keepdim=True, label="p 3"),
    case(distance.pairwise_distance, separated(4, 3), positive(3, low=0.01, high=0.02), p=1, label="p 1"),
]
