"""Checks of explanations by gradients: that they are slopes, and that those made of slopes add up."""

from __future__ import annotations

import numpy as np

from tinyconv.core.random import philox
from tinyconv.explain.checks.finding import Finding, does_not_apply
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.gradients import gradient, input_x_gradient, integrated_gradients, smoothgrad

DIRECTIONS, STEP, JITTER = 5, 1e-7, 0.01
FEW_STEPS, MANY_STEPS = 10, 100
SMALL_GAP = 5e-3
"""A gap that counts as closed: that of few steps can be as small by chance, and then more steps need not halve it."""


def gradient_is_the_slope(subject: Subject) -> Finding:
    """⟨∂f/∂x, v⟩ against (f(x + hv) − f(x − hv)) / 2h, in random directions v.

    Where a rectifier or a maximum changes sides between x − hv and x + hv, both differ without either being wrong. In
    flat parts of an image many maxima are ties, right at that edge: so x is the image with a little noise. Elsewhere
    it is rare at so small an h. Noise and direction are drawn anew several times, and the best of them counts for an
    image: a gradient that is wrong is so in every direction.
    """
    errors = []
    for number in range(DIRECTIONS):
        noise = philox(subject.seed, "explain.jitter", number).standard_normal(subject.images.shape)
        images = subject.images + JITTER * subject.images.std() * noise
        slopes = gradient(subject.model, images, subject.targets).values
        direction = philox(subject.seed, "explain.direction", number).standard_normal(slopes.shape)
        ahead, behind = (subject.scores_of(images + sign * STEP * direction) for sign in (1, -1))
        expected = (slopes * direction).sum(axis=(1, 2, 3))
        typical = np.sqrt((slopes**2).sum(axis=(1, 2, 3)))
        errors.append(np.abs((ahead - behind) / (2 * STEP) - expected) / np.where(typical > 0, typical, 1))
    worst = float(np.min(errors, axis=0).max())
    return Finding(
        "gradient", "the gradient is the slope of the score, by finite differences", worst, 1e-6, "of its length"
    )


def smoothgrad_without_noise_is_the_gradient(subject: Subject) -> Finding:
    """SmoothGrad with s = 0."""
    plain = gradient(subject.model, subject.images, subject.targets).values
    smooth = smoothgrad(subject.model, subject.images, subject.targets, samples=3, noise=0.0).values
    return Finding(
        "smoothgrad", "SmoothGrad without noise is the gradient", apart(plain, smooth), 1e-12, "of the largest value"
    )


def integrated_gradients_are_complete(subject: Subject) -> Finding:
    """Σ IG → f(x) − f(x′) as the steps become more: the gap of many steps beside that of few."""
    gaps = []
    for steps in (FEW_STEPS, MANY_STEPS):
        found = integrated_gradients(subject.model, subject.images, subject.targets, steps=steps)
        difference = np.abs(found.scores - found.measures["baseline score"])
        gaps.append(float((np.abs(found.measures["completeness gap"]) / np.where(difference > 0, difference, 1)).max()))
    few, many = gaps
    return Finding(
        "integrated gradients",
        "integrated gradients sum to f(x) - f(baseline)",
        many,
        max(few / 2, SMALL_GAP),
        f"of the difference, in {MANY_STEPS} steps ({few:.1e} in {FEW_STEPS}; at most half of it, or {SMALL_GAP:g})",
    )


def integrated_gradients_need_one_step_without_biases(subject: Subject) -> Finding:
    """In a bias-free rectifier network f(tx) = t f(x), so that the gradient is the same all along the way from 0."""
    name, statement = "one step", "without biases, integrated gradients are pixel × gradient, in any number of steps"
    bare = subject.without_biases
    if bare is None:
        return does_not_apply(name, statement, "without its biases the network is not homogeneous")
    expected = input_x_gradient(bare.model, bare.images, bare.targets).values
    differences = [
        apart(expected, integrated_gradients(bare.model, bare.images, bare.targets, steps=steps).values)
        for steps in (1, 3)
    ]
    return Finding(name, statement, max(differences), 1e-9, "of the largest value")


def apart(first: np.ndarray, second: np.ndarray) -> float:
    """The largest difference, relative to the largest magnitude."""
    scale = float(np.abs(first).max(initial=0))
    return float(np.abs(first - second).max(initial=0)) / (scale or 1)
