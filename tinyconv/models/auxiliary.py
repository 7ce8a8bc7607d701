"""Training with auxiliary classifiers: heads in the middle of a deep network, which help its early layers to learn.

L = loss(z, t) + 0.3 Σ_i loss(z_i, t)        z: the logits, z_i: those of the auxiliary heads, t: the classes

Source: Szegedy et al., "Going deeper with convolutions", 2014, section 5.
"""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor

WEIGHT = 0.3
"""The share with which the loss of an auxiliary head counts."""


def logits_of(outputs: Any) -> Tensor:
    """The logits among what a model gave: all of it, or the first of several.

    Shape: any.
    Dtype: any.
    Raises: ``ArgumentError`` for what is neither a tensor nor a tuple that begins with one.

    >>> from tinyconv.models.auxiliary import logits_of
    >>> logits_of((tc.ones(1, 2), tc.zeros(1, 2)))
    tensor([[1., 1.]])
    """
    return _parts(outputs)[0]


def total_loss(loss: Any, outputs: Any, labels: Tensor) -> Tensor:
    """``loss`` of the logits, and 0.3 times that of every auxiliary head's.

    ``outputs``: what a model gave; logits alone, or a tuple of the logits and those of its auxiliary heads.

    Shape: what ``loss`` takes, for each of the outputs.
    Dtype: likewise.
    Raises: ``ArgumentError`` for outputs that are neither a tensor nor a tuple of tensors; what ``loss`` raises.

    >>> from tinyconv.models.auxiliary import total_loss
    >>> right, undecided = tc.tensor([[50.0, 0.0]]), tc.zeros(1, 2)
    >>> total_loss(nn.functional.cross_entropy, (right, undecided), tc.tensor([0]))  # 0.3 log 2
    tensor(0.2079)
    """
    logits, *auxiliaries = _parts(outputs)
    total: Tensor = loss(logits, labels)
    for auxiliary in auxiliaries:
        total = total + WEIGHT * loss(auxiliary, labels)
    return total


def _parts(outputs: Any) -> tuple[Tensor, ...]:
    parts = outputs if isinstance(outputs, tuple) and outputs else (outputs,)
    for part in parts:
        if not isinstance(part, Tensor):
            raise ArgumentError(
                f"a classifier gives logits, or a tuple of logits and those of auxiliary heads; here is a "
                f"{type(part).__name__}"
            )
    return parts
