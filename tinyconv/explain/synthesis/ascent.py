"""Gradient ascent in the pixels: the loop that all maximisations share.

Each step, for images x with 0 at the mean of the training data:

    1. clip x to the range of possible pixels
    2. g = V^T (gradient of the activation at V x) - weight of TV * gradient of TV        V: a random view, or the image
    3. x += step of g                                            constant, of given progress or size, or Adam's
    4. x = r_theta(x): decay, blur, small norms, small contributions, ball
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv import optim
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.synthesis.priors import total_variation
from tinyconv.explain.synthesis.recipes import Recipe
from tinyconv.explain.synthesis.regularizers import (
    blurred,
    decayed,
    within_ball,
    without_small_contributions,
    without_small_norms,
)
from tinyconv.explain.synthesis.views import seen, seen_back
from tinyconv.ops.tensor import Tensor

Objective = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Images (N, C, H, W) -> (N,) values and their gradients (N, C, H, W)."""

LEVELS = 255.0
SMALLEST_SQUARE = 1e-60
"""Of a gradient's norm: below it no step is taken, for there is no direction."""


def ascend(
    objective: Objective,
    images: FloatArray,
    recipe: Recipe,
    low: Array,
    high: Array,
    random: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """The images after the recipe's steps, within ``low`` to ``high``, and the values (steps + 1, N) on the way.

    The values are those of the images themselves at the first and last place, and between them of their random views.
    Where no gradient arrives, as at a unit behind a ReLU that is off, noise takes the step's place.
    """
    levels = LEVELS / float(np.mean(high - low))
    step = _stepper(recipe, images, levels)
    search = float(np.mean(high - low)) / 16
    history = []
    for number in range(recipe.steps):
        images = np.clip(images, low, high)
        value, gradient = _viewed(objective, images, recipe, random, itself=number == 0)
        history.append(value)
        lost = np.abs(gradient).max(axis=(1, 2, 3)) == 0
        if recipe.total_variation:
            weight = recipe.total_variation / images[0].size
            gradient = gradient - weight * total_variation(images)[1]
        images = step(images, gradient)
        if lost.any():
            images[lost] += search * random.standard_normal(images[lost].shape).astype(images.dtype)
        images = _regularised(images, gradient, recipe, number)
    images = np.clip(images, low, high)
    history.append(objective(images)[0])
    return images, np.stack(history)


def _viewed(
    objective: Objective, images: FloatArray, recipe: Recipe, random: np.random.Generator, itself: bool
) -> tuple[FloatArray, FloatArray]:
    if itself or recipe.views.only_one:
        return objective(images)
    views = recipe.views.draw(len(images), (images.shape[2], images.shape[3]), random)
    value, gradient = objective(seen(images, views))
    return value, seen_back(gradient, views)


def _stepper(recipe: Recipe, images: FloatArray, levels: float) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """The function (x, g) -> x after the step."""
    # Pixels in 256 levels are x * levels, and their gradient is g / levels: a rate for them is this much smaller here.
    constant, largest = recipe.rate / levels**2, recipe.largest_rate / levels**2
    if recipe.policy != "adam":

        def gradient_step(x: FloatArray, g: FloatArray) -> FloatArray:
            # x + r g raises a linear activation by r |g|^2, and moves the pixels that count by r |g| / sqrt(pixels).
            squares = np.maximum((g.astype(np.float64) ** 2).sum(axis=(1, 2, 3), keepdims=True), SMALLEST_SQUARE)
            rates = {
                "constant": constant,
                "progress": np.minimum(largest, recipe.rate / squares),
                "levels": recipe.rate / levels * np.sqrt((g != 0).sum(axis=(1, 2, 3), keepdims=True) / squares),
            }
            return x + (rates[recipe.policy] * g).astype(x.dtype)

        return gradient_step

    tensor = Tensor(np.array(images))
    adam = optim.Adam([tensor.requires_grad_()], lr=recipe.rate, maximize=True)

    def adam_step(x: FloatArray, g: FloatArray) -> FloatArray:
        tensor.detach().copy_(Tensor(x))
        tensor.grad = Tensor(g.astype(x.dtype))
        adam.step()
        return np.array(tensor.detach().array, order="C")

    return adam_step


def _regularised(images: FloatArray, gradient: FloatArray, recipe: Recipe, number: int) -> FloatArray:
    if recipe.decay:
        images = decayed(images, recipe.decay)
    if recipe.blur and number % recipe.blur_every == 0:
        images = blurred(images, recipe.blur)
    if recipe.small_norm:
        images = without_small_norms(images, recipe.small_norm)
    if recipe.small_contribution:
        images = without_small_contributions(images, gradient, recipe.small_contribution)
    if recipe.ball:
        images = within_ball(images, recipe.ball)
    return images


def pixel_range(bounds: tuple[Any, Any], shape: tuple[int, int, int], dtype: Any) -> tuple[Array, Array]:
    """``bounds`` (numbers, or one for each channel) as arrays that broadcast with images (N, C, H, W)."""
    low, high = (np.asarray(bound, dtype).reshape(-1, 1, 1) for bound in bounds)
    return np.broadcast_to(low, (shape[0], 1, 1)), np.broadcast_to(high, (shape[0], 1, 1))
