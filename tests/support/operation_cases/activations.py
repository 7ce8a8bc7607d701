"""Activations."""

from __future__ import annotations

from operation_cases.case import IMAGES, case, normal, separated
from tinyconv.ops import activation

CASES = [
    case(activation.relu, separated(2, 3)),
    case(activation.relu, separated(*IMAGES), label="images"),
    case(activation.softmax, normal(2, 5), dim=1),
    case(activation.softmax, normal(*IMAGES), dim=1, label="images"),
    case(activation.log_softmax, normal(2, 5), dim=-1),
    case(activation.log_softmax, normal(*IMAGES), dim=1, label="images"),
    case(activation.logsigmoid, normal(2, 3)),
]
