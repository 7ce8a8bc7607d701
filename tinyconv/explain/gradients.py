"""Explanations by the gradient of a class's score with respect to the pixels.

    gradient              g = dS_c / dx                                  Simonyan, Vedaldi & Zisserman, 2014, section 3
    input x gradient      x g                                            Shrikumar, Greenside & Kundaje, 2017
    SmoothGrad            mean of g(x + n), n from N(0, s^2)             Smilkov et al., 2017, section 3
    integrated gradients  (x - x') times the integral of g along the     Sundararajan, Taly & Yan, 2017, equation 1
                          straight line from x' to x

S_c is the score before the softmax: probabilities would mix in what speaks for the other classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.running import BATCH, Target, as_images, batches, host, resolve_targets, scores_of
from tinyconv.explain.trace import Rules, Trace
from tinyconv.nn.module import Module


def gradient(model: Module, images: Any, target: Target = None) -> Attribution:
    """The gradient of the target's score with respect to the pixels: which small changes would raise it.

    ``magnitude()`` of the result is the saliency map of the source.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: ``ArgumentError``, ``ShapeError``, ``DTypeError``, ``DimensionError`` for images, models and targets that do
        not fit each other.
    Source: Simonyan, Vedaldi & Zisserman, "Deep inside convolutional networks", 2014, section 3.

    >>> from tinyconv.explain import gradient
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> found = gradient(model, np.ones((1, 1, 2, 2), np.float32), target=1)
    >>> bool((found.values.ravel() == model[1].weight.detach().numpy()[1]).all())
    True
    """
    values, targets, scores = score_gradients(model, images, target)
    return Attribution(values, "gradient", targets, scores)


def input_x_gradient(model: Module, images: Any, target: Target = None) -> Attribution:
    """Each pixel times its gradient: what it contributes to the score, were the model linear around the image.

    In a network of convolutions, rectifiers, pooling and linear layers without biases, it sums to the score.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``.
    Source: Shrikumar, Greenside & Kundaje, "Learning important features through propagating activation differences",
        2017, section 3.

    >>> from tinyconv.explain import input_x_gradient
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> found = input_x_gradient(model, np.ones((1, 1, 2, 2), np.float32))
    >>> bool(np.allclose(found.values.sum(), found.scores[0]))
    True
    """
    values, targets, scores = score_gradients(model, images, target)
    return Attribution(host(as_images(model, images)) * values, "input-x-gradient", targets, scores)


def smoothgrad(
    model: Module, images: Any, target: Target = None, *, samples: int = 50, noise: float = 0.15, seed: int = 0
) -> Attribution:
    """The mean gradient over copies of each image with normal noise added: what of the gradient is no accident.

    ``noise``: the noise's standard deviation, as a share of the image's range max(x) - min(x); the source advises 0.1
    to 0.2. ``samples``: how many copies. All images get the same noise, drawn from ``seed``, so that an image's map
    does not depend on what else is in the batch. The target is that of the image without noise.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``, and ``ArgumentError`` for fewer samples than 1 or negative noise.
    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, section 3.

    >>> from tinyconv.explain import gradient, smoothgrad
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((1, 1, 2, 2), np.float32)
    >>> np.allclose(smoothgrad(model, image, samples=3).values, gradient(model, image).values)
    True
    """
    samples = _count("samples", samples)
    if not np.isfinite(noise) or noise < 0:
        raise ArgumentError(f"smoothgrad: noise is a share of the image's range, 0 or more, got {noise!r}")
    inputs = host(as_images(model, images))
    scores, targets = scores_of(model, inputs, target)
    spread = noise * (inputs.max(axis=(1, 2, 3)) - inputs.min(axis=(1, 2, 3)))[:, None, None, None]
    generator = np.random.default_rng(seed)
    noisy = ((1 / samples, inputs + spread * generator.standard_normal(inputs.shape[1:])) for _ in range(samples))
    mean = _weighted_gradients(model, noisy, targets)
    return Attribution(mean, "smoothgrad", targets, scores, {"samples": samples, "noise": noise, "seed": seed})


def integrated_gradients(
    model: Module, images: Any, target: Target = None, *, steps: int = 50, baseline: Any = 0.0
) -> Attribution:
    """The score's difference between each image and a baseline, shared out among the pixels.

        (x - x') * integral over t from 0 to 1 of g(x' + t (x - x')),   by Gauss-Legendre quadrature in ``steps`` points

    ``baseline``: x', an image that shows nothing: a number for all pixels, or an array (C, H, W) or (N, C, H, W).
    The values of an image would sum to S(x) - S(x') exactly, were the integral exact; what is missing of that is its
    ``measures["completeness gap"]``, beside ``measures["baseline score"]``. More steps make the gap smaller.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``, and ``ArgumentError`` for fewer steps than 1; ``ShapeError`` for another baseline.
    Source: Sundararajan, Taly & Yan, "Axiomatic attribution for deep networks", 2017, section 3.

    >>> from tinyconv.explain import integrated_gradients
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> found = integrated_gradients(model, np.ones((1, 1, 2, 2), np.float32), baseline=0.5, steps=4)
    >>> bool(np.allclose(found.measures["completeness gap"], 0, atol=1e-6))
    True
    """
    steps = _count("steps", steps)
    inputs = host(as_images(model, images))
    start = baseline_images(baseline, inputs)
    scores, targets = scores_of(model, inputs, target)
    baseline_scores, _ = scores_of(model, start, targets)
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # of the integral from -1 to 1
    path = ((w / 2, start + (node + 1) / 2 * (inputs - start)) for node, w in zip(nodes, weights, strict=True))
    values = (inputs - start) * _weighted_gradients(model, path, targets)
    gap = (scores - baseline_scores) - values.sum(axis=(1, 2, 3))
    return Attribution(
        values,
        "integrated-gradients",
        targets,
        scores,
        {"steps": steps, "baseline": baseline if np.ndim(baseline) == 0 else "an image"},
        {"completeness gap": gap, "baseline score": baseline_scores},
    )


def score_gradients(
    model: Module, images: Any, target: Target = None, rules: Rules | None = None
) -> tuple[FloatArray, Array, FloatArray]:
    """The cotangents of the images where those of the targets' scores are 1; the targets (N,), and the scores (N,)."""
    found = []
    for batch, wanted in batches(model, images, target):
        trace = Trace(model, batch)
        logits = host(trace.logits)
        targets = resolve_targets(logits, wanted)
        cotangent = trace.backward(trace.logits, trace.score_cotangent(targets), rules)
        found.append((host(cotangent), targets, logits[np.arange(len(targets)), targets]))
    values, classes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return values, classes, scores


def _weighted_gradients(model: Module, points: Iterable[tuple[float, FloatArray]], targets: Array) -> FloatArray:
    """The sum of weight times gradient over ``points``, (weight, images (N, C, H, W)); as many together as a batch."""
    total: Any = 0.0
    remaining = iter(points)
    while together := list(islice(remaining, max(BATCH // len(targets), 1))):
        weights, images = zip(*together, strict=True)
        gradients, _, _ = score_gradients(model, np.concatenate(images), np.tile(targets, len(together)))
        for weight, gradient in zip(weights, np.split(gradients, len(together)), strict=True):
            total = total + weight * gradient.astype(np.float64)
    found: FloatArray = total.astype(gradients.dtype)
    return found


def baseline_images(baseline: Any, images: FloatArray) -> FloatArray:
    """``baseline`` as one image for each of ``images`` (N, C, H, W). Raises ``ShapeError`` where it does not fit."""
    found = host(baseline) if isinstance(baseline, TensorBase) else np.asarray(baseline)
    if found.ndim and found.shape not in (images.shape, images.shape[1:]):
        raise ShapeError(
            f"baseline must be a number, an image {images.shape[1:]} or one for each, {images.shape}, got {found.shape}"
        )
    if not np.issubdtype(found.dtype, np.number):
        raise ArgumentError(f"baseline must be a number or an image, got {baseline!r:.60}")
    filled: FloatArray = np.broadcast_to(found, images.shape).astype(images.dtype)
    return filled


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ArgumentError(f"{name} must be a whole number, 1 or more, got {value!r}")
    return int(value)
