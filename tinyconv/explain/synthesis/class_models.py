"""Class models: the image that a class's score prefers among images of equal energy.

Simonyan, Vedaldi and Zisserman (2014, "Deep inside convolutional networks", section 2): the maximum of

    S_c(x) - lambda |x|^2

over images x, S_c the score before the softmax, from the zero image (the mean of the training data) upward. At a
maximum x = grad S_c(x) / (2 lambda). Each step goes part of the way to what this equation asks for,

    x <- (1 - rate) x + rate grad S_c(x) / (2 lambda)

which is gradient ascent with step rate / (2 lambda): of a linear score it is exact in one step with rate 1. The rate
falls to 0 on the way, for at the kinks of a rectifier the gradient jumps, and the image would with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.running import at_rest
from tinyconv.explain.synthesis.maximization import checked_shape, confidences, dtype_of, labels_for, unmoved
from tinyconv.explain.synthesis.reading import Units
from tinyconv.explain.synthesis.result import STANDARDISED, Bounds, Synthesis
from tinyconv.nn.module import Module


def class_model(
    model: Module,
    classes: Sequence[int],
    *,
    shape: tuple[int, int, int],
    strength: float | None = None,
    contrast: float = 1.0,
    steps: int = 300,
    rate: float = 0.05,
    bounds: Bounds = STANDARDISED,
    labels: Sequence[str] | None = None,
) -> Synthesis:
    """The class model of each of ``classes``: the image x that maximises S_c(x) - strength |x|^2.

    ``shape``: (C, H, W). ``strength``: lambda; by default, for each class, the one with which the image would have
    the root mean square ``contrast`` if its score were linear. ``steps`` and ``rate``: see the file's head.
    Nothing is random, and pixels are not clipped; ``bounds`` only say what is black and white in the pictures.

    Shape: ``images`` (len(classes), C, H, W).
    Dtype: that of the model's parameters.
    Raises: ``ArgumentError`` for numbers outside their domain, ``DimensionError`` for a class that does not exist.
    Source: Simonyan, Vedaldi & Zisserman, 2014, "Deep inside convolutional networks", section 2.

    >>> from tinyconv.explain.synthesis import class_model
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> made = class_model(model, [1], shape=(1, 4, 4), strength=0.5, rate=1.0, steps=1)
    >>> np.allclose(made.images.ravel(), model[1].weight.detach().numpy()[1])
    True
    """
    shape = checked_shape(shape)
    if strength is not None and not strength > 0:
        raise ArgumentError(f"strength (lambda) must be above 0, got {strength}")
    if not contrast > 0 or not 0 < rate <= 1 or steps < 1:
        raise ArgumentError(
            f"contrast must be above 0, 0 < rate <= 1, steps at least 1; got {contrast}, {rate}, {steps}"
        )
    names = labels_for(labels, classes, None)
    units = Units(model, None, classes)
    images = np.zeros((len(names), *shape), dtype_of(model))
    history: list[FloatArray] = []
    with at_rest(model):
        score, gradient = units(images)
        weights = _weights(strength, contrast, gradient)
        for step in range(steps):
            history.append(score)
            part = rate * (1 - step / steps)
            images = ((1 - part) * images + part * gradient / (2 * weights)).astype(images.dtype)
            score, gradient = units(images)
    history.append(score)
    values = np.stack(history)
    return Synthesis(
        images=images,
        values=score,
        history=values,
        method="Class model",
        layer=None,
        channels=tuple(map(int, classes)),
        labels=names,
        bounds=bounds,
        box=(0, 0, shape[1], shape[2]),
        options={
            "strength": [float(weight) for weight in weights.ravel()],
            "steps": steps,
            "rate": rate,
            "description": f"the image x that maximises score(x) − λ |x|², {steps} steps from the mean image",
        },
        notes=unmoved(names, values, gradient),
        confidences=confidences(model, images, classes),
    )


def _weights(strength: float | None, contrast: float, gradient: FloatArray) -> FloatArray:
    """lambda, (N, 1, 1, 1): x = grad / (2 lambda) has rms(x) = contrast for lambda = rms(grad) / (2 contrast)."""
    if strength is not None:
        return np.full((len(gradient), 1, 1, 1), strength)
    root_mean_square = np.sqrt((gradient.astype(np.float64) ** 2).mean(axis=(1, 2, 3), keepdims=True))
    weights: FloatArray = np.where(root_mean_square > 0, root_mean_square / (2 * contrast), 1.0)
    return weights
