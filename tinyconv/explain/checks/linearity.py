"""What a score is made of: in a piecewise-linear network, of the pixels' shares and of the biases'.

Around each image such a network is an affine function, and by Euler's theorem on what is homogeneous

    f(x) = ⟨x, ∂f/∂x⟩ + Σ_layers ⟨b, ∂f/∂b⟩

where b is what a layer adds to a product with its inputs: the bias of a convolution or a linear layer, the shift
β − γμ/σ of batch normalisation. Layer by layer, with δ for the cotangents, ⟨δ_y, y⟩ − ⟨δ_x, x⟩ = ⟨δ_y, b⟩, so that a
layer for which it does not hold is known by its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.explain.checks.finding import Finding, does_not_apply
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.running import host
from tinyconv.explain.trace import Step, Trace

PIECEWISE_LINEAR = (
    "",
    "conv",
    "linear",
    "relu",
    "leaky_relu",
    "prelu",
    "pool",
    "unpool",
    "add",
    "cat",
    "dropout",
    "norm",
)
"""Kinds of operations for which the identity must hold; the empty one is of flatten, mean and the like."""

LIMIT = 1e-9


def score_is_pixels_plus_biases(subject: Subject) -> Finding:
    """f(x) = ⟨x, ∂f/∂x⟩ + Σ ⟨b, ∂f/∂b⟩, for each image."""
    name, statement = "pixels + biases", "the score is Σ pixel × gradient plus Σ bias × gradient"
    worst, culprits, share = 0.0, set[str](), 0.0
    for image, score in enumerate(subject.scores):
        trace = subject.trace(image)
        gradient, layers = _shares(trace, subject, image)
        pixels = float((subject.images[image] * host(gradient)[0]).sum())
        biases = [expected for _, expected, _ in layers]
        scale = math.fsum(map(abs, [pixels, *biases, score]))
        worst = max(worst, abs(math.fsum([pixels, *biases]) - score) / scale)
        share = max(share, abs(math.fsum(biases)) / scale)
        culprits |= {_called(step) for step, expected, rest in layers if abs(rest - expected) > LIMIT * scale}
        bent = [step for step, _, _ in layers if _called(step) in culprits and step.kind not in PIECEWISE_LINEAR]
        if bent:
            return does_not_apply(name, statement, f"{_called(bent[0])} is not piecewise linear")
    where = f"; it fails in {', '.join(sorted(culprits))}" if culprits else ""
    return Finding(name, statement, worst, LIMIT, f"of the terms; biases make up to {100 * share:.0f}% of them{where}")


def _shares(trace: Trace, subject: Subject, image: int) -> tuple[Any, list[tuple[Step, float, float]]]:
    """∂f/∂x; and of each step ⟨δ_y, b⟩, as its parameters say, and ⟨δ_y, y⟩ − ⟨δ_x, x⟩, as its numbers say."""
    dependent = list(_dependent(trace))
    places = [trace.images, *(step.output for step, _ in dependent)]
    gradient, *cotangents = trace.cotangents(trace.logits, subject.one_hot(trace, image), places)
    found = []
    for (step, signals), cotangent in zip(dependent, cotangents, strict=True):
        if cotangent is None:  # the score does not depend on it
            continue
        back = step.own_backward(cotangent)
        inner = [_inner(back[index], step.input_values[index]) for index in signals]
        found.append(
            (step, _bias_share(step, cotangent, back, signals), _inner(cotangent, step.output_value) - math.fsum(inner))
        )
    return gradient, found


def _dependent(trace: Trace) -> Iterator[tuple[Step, list[int]]]:
    """The steps that depend on the images, each with the places of those inputs that do."""
    known: dict[int, bool] = {}

    def depends(edge: Any) -> bool:
        if not isinstance(edge, tuple):
            return edge is trace.images
        operation = edge[0]
        if id(operation) not in known:
            known[id(operation)] = any(map(depends, operation.edges))
        return known[id(operation)]

    for step in trace.steps:
        signals = [index for index, edge in enumerate(step.operation.edges) if depends(edge)]
        if signals:
            known[id(step.operation)] = True
            yield step, signals


def _bias_share(step: Step, cotangent: Any, back: tuple[Any, ...], signals: list[int]) -> float:
    values = step.input_values
    if step.kind in ("conv", "linear"):
        return math.fsum(_inner(back[index], values[index]) for index in range(2, len(values)))
    if step.kind == "add":
        return math.fsum(_inner(back[index], values[index]) for index in range(len(values)) if index not in signals)
    statistics = getattr(step.operation, "statistics", None)
    if step.kind != "norm" or statistics is None:
        return 0.0
    mean, variance = (np.asarray(host(part) if isinstance(part, TensorBase) else part).ravel() for part in statistics)
    gamma, beta = (None if value is None else host(value) for value in values[1:3])
    scale = (1.0 if gamma is None else gamma) / np.sqrt(variance + step.operation.eps)
    received = host(cotangent)
    of_channels = received.sum(axis=tuple(axis for axis in range(received.ndim) if axis != 1))
    return float(np.dot(of_channels, (0.0 if beta is None else beta) - scale * mean))


def _inner(first: Any, second: Any) -> float:
    if not isinstance(first, TensorBase) or not isinstance(second, TensorBase):
        return 0.0
    return float(np.vdot(host(first), host(second)))


def _called(step: Step) -> str:
    return step.name or step.operation.name
