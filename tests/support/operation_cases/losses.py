"""Losses."""

from __future__ import annotations

import tinyconv as tc
from operation_cases.case import case, distributions, integers, normal, positive, separated
from tinyconv.ops import loss

CASES = [
    case(loss.nll_loss, normal(4, 3), integers(4, below=3)),
    case(loss.nll_loss, normal(3), integers(below=3), label="one"),
    case(loss.nll_loss, normal(2, 3, 4, 2), integers(2, 4, 2, below=3), reduction="sum", label="images"),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3)),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3), label_smoothing=0.2, label="smoothed"),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3), ignore_index=1, reduction="none", label="ignored"),
    case(
        loss.cross_entropy,
        normal(5, 3),
        integers(5, below=3),
        positive(3),
        constants=(2,),
        label_smoothing=0.1,
        ignore_index=2,
        label="weighted",
    ),
    case(loss.cross_entropy, normal(2, 3, 4, 2), integers(2, 4, 2, below=3), label="images"),
    case(loss.cross_entropy, normal(4, 3), distributions(4, 3), label_smoothing=0.2, label="probabilities"),
    case(loss.cross_entropy, normal(4, 3), distributions(4, 3), positive(3), constants=(2,), label="weighted, soft"),
    case(loss.mse_loss, normal(2, 3), normal(2, 3)),
    case(loss.mse_loss, normal(2, 3), normal(2, 3), reduction="none", label="none"),
    case(loss.l1_loss, separated(2, 3), positive(2, 3, low=0.01, high=0.02)),
    case(loss.binary_cross_entropy_with_logits, normal(2, 3), positive(2, 3, low=0.1, high=0.9)),
    case(
        loss.binary_cross_entropy_with_logits,
        normal(2, 3),
        positive(2, 3, low=0.1, high=0.9),
        positive(3),
        constants=(2,),
        pos_weight=tc.tensor([0.5, 2.0, 3.0], dtype=tc.float64),
        reduction="sum",
        label="weighted",
    ),
]
