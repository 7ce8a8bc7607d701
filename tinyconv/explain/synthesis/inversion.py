"""Inversion: an image made from what one layer knows of another.

Mahendran and Vedaldi (2015, "Understanding deep image representations by inverting them"): the image x with the least

    E(x) = |Phi(x) - Phi0|^2 / |Phi0|^2 + (l_TV / 2 TV_beta(x) + l_a / 2 sum |x|^a) / s^2

where Phi0 is the layer's output for the image that is looked for, s the norm of such images, and pixels are counted in
256 levels. What of the image comes back is what the layer still knows; what does not, it has dropped. The energy goes
down by gradient descent with momentum, from noise of norm s; where the rate changes, the momentum starts anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.autograd.engine import grad
from tinyconv.autograd.grad_mode import enable_grad, no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain.running import as_images, at_rest, host
from tinyconv.explain.synthesis.ascent import LEVELS, pixel_range
from tinyconv.explain.synthesis.maximization import dtype_of
from tinyconv.explain.synthesis.priors import alpha_norm, total_variation
from tinyconv.explain.synthesis.reading import layer_output, layers_of
from tinyconv.explain.synthesis.result import STANDARDISED, Bounds
from tinyconv.explain.synthesis.tiles import within_bounds
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

RATES = ((0.004, 100), (0.0004, 200), (0.00004, 100))
"""(rate, steps), one after the other: those of the authors' program."""
MOMENTUM = 0.9
TV_WEIGHTS, TV_SIDE = (1.0, 10.0, 100.0), 227
"""l_TV in the first, second and last third of a network's layers, for images of this side: the less a layer knows, the
more the prior must say. In an image of half the side, neighbours differ twice as much, and TV_2 counts four times."""


@dataclass(frozen=True)
class Weights:
    """l_TV with its beta, and l_a with its a, of the energy. See the file's head."""

    total_variation: float
    beta: float = 2.0
    alpha_norm: float = 8e-10
    alpha: float = 6.0


class Energy:
    """E and its gradient for images that are to have the features ``goal`` (1, ...) in ``layer``.

    ``levels``: how many of 256 levels a unit of x is. ``norm``: s, in units of x.
    """

    def __init__(
        self, model: Module, layer: str | None, goal: FloatArray, weights: Weights, norm: float, levels: float
    ) -> None:
        self._model, self._layer, self._goal, self._weights = model, layer, goal, weights
        self._goal_square = float((goal.astype(np.float64) ** 2).sum())
        self._norm, self._levels = norm, levels
        if self._goal_square == 0:
            raise ArgumentError(f"{layer or 'the output'} is 0 everywhere for this image: there is nothing to invert")

    def __call__(self, images: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The terms (3, N): of the features, of TV, of the alpha-norm; and the gradient of their sum (N, C, H, W)."""
        features, gradient = self.features(images)
        weights, scale = self._weights, 1 / (self._norm * self._levels) ** 2
        variation, variation_gradient = total_variation(images * self._levels, weights.beta)
        size, size_gradient = alpha_norm(images * self._levels, weights.alpha)
        smooth, bounded = weights.total_variation / 2 * scale, weights.alpha_norm / 2 * scale
        terms = np.stack([features, smooth * variation, bounded * size])
        gradient = gradient + self._levels * (smooth * variation_gradient + bounded * size_gradient)
        return terms, gradient.astype(images.dtype)

    def features(self, images: FloatArray) -> tuple[FloatArray, FloatArray]:
        """|Phi(x) - Phi0|^2 / |Phi0|^2, (N,), and its gradient."""
        device = device_of(self._model)
        inputs = Tensor(images).to(device).requires_grad_()
        with enable_grad():
            output = layer_output(self._model, inputs, self._layer)
            difference = host(output) - self._goal
            cotangent = Tensor((2 / self._goal_square * difference).astype(images.dtype)).to(device)
            (gradient,) = grad(output, inputs, cotangent)
        squares = (difference.astype(np.float64) ** 2).reshape(len(images), -1).sum(axis=1)
        return squares / self._goal_square, host(gradient)


@dataclass(frozen=True)
class Inversion:
    """``images`` (R, C, H, W), as the model takes them, made R times from the features of ``original`` (C, H, W).

    ``errors``: (R,) |Phi(x) - Phi0|^2 / |Phi0|^2 of each. ``history``: (steps + 1, 3, R), the energy's terms (features,
    total variation, alpha-norm) on the way. ``layer``: None for the class scores. ``depth``: the layer's place, of 1.
    ``weights``: of the energy. ``bounds``: black and white, as the model takes them.

    Raises: nothing of its own.

    >>> from tinyconv.explain.synthesis import invert
    >>> image = np.random.default_rng(0).standard_normal((1, 8, 8)).astype(np.float32)
    >>> found = invert(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1)), image, "conv1", repeats=2)
    >>> found.images.shape, bool(found.errors[found.best] < 0.2)
    ((2, 1, 8, 8), True)
    """

    original: FloatArray
    images: FloatArray
    errors: FloatArray
    history: FloatArray
    layer: str | None
    depth: float
    weights: Weights
    bounds: Bounds
    seed: int

    @property
    def best(self) -> int:
        """The number of the image with the smallest energy."""
        return int(self.history[-1].sum(axis=0).argmin())

    def pictures(self) -> FloatArray:
        """(R, C, H, W) in [0, 1], to look at."""
        return within_bounds(self.images, self.bounds)

    def pixel_error(self, number: int | None = None) -> float:
        """The mean squared difference of a picture (by default the best) from the original one, both in [0, 1]."""
        original = within_bounds(self.original[None], self.bounds)[0]
        return float(((self.pictures()[self.best if number is None else number] - original) ** 2).mean())


def invert(
    model: Module,
    image: Array,
    layer: str | None,
    *,
    bounds: Bounds = STANDARDISED,
    tv_weight: float | None = None,
    rates: tuple[tuple[float, int], ...] = RATES,
    repeats: int = 4,
    seed: int = 0,
) -> Inversion:
    """Images that ``layer`` of ``model`` cannot tell from ``image`` (C, H, W), as the model takes it.

    ``layer``: a name by ``capture``'s rule; None for the class scores, before a softmax. ``tv_weight``: l_TV, by
    default 1, 10 or 100 in the first, second or last third of the layers, times (side / 227)^2. ``rates``: (rate,
    steps), one after the other. ``repeats``: how often, from other noise: where the results differ, the layer does not
    know. ``bounds``: black and white as the model takes them, numbers or one for each channel.

    The same seed gives the same bits. The model's mode, precision and gradients are left as they were.

    Shape: image (C, H, W); ``images`` (repeats, C, H, W).
    Dtype: that of the model's parameters.
    Raises: ``ArgumentError`` for a layer that does not exist, or is 0 everywhere; ``ShapeError``.
    Source: Mahendran & Vedaldi, 2015, "Understanding deep image representations by inverting them".

    >>> from tinyconv.explain.synthesis import invert
    >>> found = invert(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), np.ones((1, 4, 4), np.float32), None, repeats=1)
    >>> bool(found.errors[0] < 0.01)
    True
    """
    if np.ndim(image) != 3:
        raise ShapeError(f"invert: the image must have shape (channels, height, width), got {np.shape(image)}")
    if repeats < 1 or (tv_weight is not None and not tv_weight >= 0) or not rates:
        raise ArgumentError(f"invert: at least 1 repeat and tv_weight >= 0, got {repeats} and {tv_weight}")
    original = np.ascontiguousarray(image, dtype_of(model))
    low, high = pixel_range(bounds, original.shape, original.dtype)
    levels = LEVELS / float(np.mean(high - low))
    norm = float(np.sqrt((original.astype(np.float64) ** 2).sum())) or float(np.sqrt(original.size))
    with at_rest(model):
        names = list(layers_of(model, original.shape, original.dtype))
        depth = (names.index(layer) + 1) / len(names) if layer in names else 1.0
        usual = TV_WEIGHTS[min(2, int(3 * depth - 1e-9))] * (min(original.shape[1:]) / TV_SIDE) ** 2
        weight = usual if tv_weight is None else tv_weight
        with no_grad():
            goal = host(layer_output(model, as_images(model, original[None]), layer))
        energy = Energy(model, layer, goal, Weights(weight), norm, levels)
        images, history = _descend(energy, _noise(repeats, original, norm, seed), norm, rates)
    return Inversion(original, images, history[-1, 0], history, layer, depth, Weights(weight), bounds, seed)


def _noise(count: int, like: FloatArray, norm: float, seed: int) -> FloatArray:
    images = np.random.default_rng(seed).standard_normal((count, *like.shape))
    images *= norm / np.sqrt((images**2).sum(axis=(1, 2, 3), keepdims=True))
    return images.astype(like.dtype)


def _descend(
    energy: Energy, images: FloatArray, norm: float, rates: tuple[tuple[float, int], ...]
) -> tuple[FloatArray, FloatArray]:
    """v <- 0.9 v - rate s^2 grad E, x <- x + v. Returns x, and the energy's terms (steps + 1, 3, N) on the way.

    A rate that is too high for a network raises the energy of an image above all it was: then the image goes back to
    its best, and its rate is halved.
    """
    terms, gradient = energy(images)
    history: list[FloatArray] = [terms]
    best, best_energy, best_gradient = images.copy(), terms.sum(axis=0), gradient.copy()
    slower = np.ones(len(images))
    for rate, steps in rates:
        velocity = np.zeros_like(images)
        for _ in range(steps):
            factor: Any = (rate * norm**2 * slower)[:, None, None, None]
            velocity = (MOMENTUM * velocity - factor * gradient).astype(images.dtype)
            images = images + velocity
            terms, gradient = energy(images)
            now = terms.sum(axis=0)
            lost = ~(now <= 2 * history[0].sum(axis=0))
            better = now < best_energy
            best[better], best_energy[better], best_gradient[better] = images[better], now[better], gradient[better]
            if lost.any():
                images[lost], gradient[lost], velocity[lost] = best[lost], best_gradient[lost], 0
                slower[lost] /= 2
            history.append(terms)
    history.append(energy(best)[0])
    return best, np.stack(history)
