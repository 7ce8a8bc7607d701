"""Checks of relevance propagation: what the plain rule equals, what is conserved, and where the rest stays."""

from __future__ import annotations

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.explain.checks.finding import Finding, does_not_apply
from tinyconv.explain.checks.linearity import PIECEWISE_LINEAR
from tinyconv.explain.checks.slopes import apart
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.gradients import input_x_gradient
from tinyconv.explain.lrp import COMPOSITES, AlphaBeta, Composite, Gamma, layer_relevance, lrp, uniform

CONSERVING: dict[str, Composite] = {
    "alpha 2, beta 1": uniform(AlphaBeta(2.0, 1.0)),
    "z+": uniform(AlphaBeta(1.0, 0.0)),
    "gamma": uniform(Gamma()),
}
"""Rules that hand down all they receive where there are no biases."""


def the_plain_rule_is_pixel_times_gradient(subject: Subject) -> Finding:
    """LRP-0 = x ∂f/∂x, in networks of affine layers, rectifiers and max pooling."""
    name, statement = "lrp-0", "relevance by the plain rule is pixel × gradient"
    bent = next((step for step in subject.first_trace.steps if step.kind not in PIECEWISE_LINEAR), None)
    if bent is not None:
        return does_not_apply(name, statement, f"{bent.name or bent.operation.name} is not piecewise linear")
    try:
        found = lrp(subject.model, subject.images, subject.targets, composite=COMPOSITES["lrp-0"]())
    except ArgumentError as error:
        return does_not_apply(name, statement, str(error))
    expected = input_x_gradient(subject.model, subject.images, subject.targets).values
    return Finding(name, statement, apart(expected, found.values), 1e-9, "of the largest value")


def relevance_is_conserved_without_biases(subject: Subject) -> Finding:
    """Σ R(pixels) = f(x) for the rules without epsilon, in the network without its biases."""
    name, statement = "conservation", "without biases, the pixels' relevance sums to the score"
    bare = subject.without_biases
    if bare is None:
        return does_not_apply(name, statement, "without its biases the network is not homogeneous")
    gaps = {}
    for rule, composite in CONSERVING.items():
        try:
            found = lrp(bare.model, bare.images, bare.targets, composite=composite)
        except ArgumentError as error:
            return does_not_apply(name, statement, str(error))
        gaps[rule] = float((np.abs(found.measures["kept"]) / np.abs(found.scores)).max())
    worst = max(gaps, key=gaps.__getitem__)
    return Finding(name, statement, gaps[worst], 1e-12, f"of the score; most by the rule {worst}")


def every_layer_accounts_for_its_relevance(subject: Subject) -> Finding:
    """f(x) = Σ R(pixels) + Σ over the layers of what biases and epsilon kept there, for every composite."""
    name, statement = "accounts", "the pixels' relevance and what each layer kept sum to the score"
    worst, most_kept = 0.0, 0.0
    for method, make in COMPOSITES.items():
        try:
            layers = layer_relevance(subject.model, subject.images, subject.targets, composite=make(), method=method)
        except ArgumentError as error:
            return does_not_apply(name, statement, str(error))
        kept = np.array([layer.kept for layer in layers])
        rest = layers.scores - layers.pixels.sum(axis=(1, 2, 3)) - kept.sum(axis=0)
        scale = np.abs(layers.scores) + np.abs(kept).sum(axis=0)
        worst = max(worst, float((np.abs(rest) / np.where(scale > 0, scale, 1)).max()))
        most_kept = max(most_kept, float((np.abs(kept.sum(axis=0)) / np.where(scale > 0, scale, 1)).max()))
    return Finding(name, statement, worst, 1e-9, f"of the terms; layers keep up to {100 * most_kept:.0f}% of them")
