"""Region perturbation: a map is good if the answer falls fast when what it calls relevant is taken away.

    x⁽⁰⁾ = x,   x⁽ᵏ⁾ = x⁽ᵏ⁻¹⁾ with its k-th region replaced by noise,   k = 1 ... L
    AOPC = 1 / (L + 1) · Σ_{k=0..L} f(x⁽⁰⁾) − f(x⁽ᵏ⁾)        (the area over the perturbation curve)

Source: Samek et al., "Evaluating the visualization of what a deep neural network has learned", 2017, eqs. 6 to 12.
Noise is uniform; of several draws the one with the median answer is kept, so that no lucky draw decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import observe
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.random import philox
from tinyconv.explain.running import BeforeSoftmax
from tinyconv.explain.scoring.regions import Regions
from tinyconv.nn import functional
from tinyconv.nn.conversion import device_of
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

Answer = Callable[[FloatArray, Array], FloatArray]
"""f: of images (M, C, H, W), and of which of the explained images each is a copy (M,): a number for each (M,)."""

DRAWS = 10
IMAGES_AT_ONCE = 256
ANSWERS = ("logit", "probability")


@dataclass(frozen=True)
class PerturbationCurves:
    """What became of the answer for every image: ``answers`` (N, L + 1), the first column before anything changed.

    Raises: nothing of its own.

    >>> from tinyconv.explain.scoring import PerturbationCurves
    >>> PerturbationCurves(np.array([[8.0, 4.0, 0.0]])).aopc.tolist()
    [4.0]
    """

    answers: FloatArray

    @property
    def drops(self) -> FloatArray:
        """(N, L + 1): f(x⁽⁰⁾) − f(x⁽ᵏ⁾)."""
        drops: FloatArray = self.answers[:, :1] - self.answers
        return drops

    @property
    def aopc(self) -> FloatArray:
        """(N,): the area over each image's curve."""
        area: FloatArray = self.drops.mean(axis=1)
        return area


def class_answer(model: Module, targets: Array, answer: str = "logit") -> Answer:
    """f for ``perturb``: the logit, or the probability, that ``model`` gives to the target class of each image.

    The model is asked as it is when it predicts: in evaluation mode, with the precision that is set. A logit is what
    comes before a softmax that it may end with.

    Raises: ``ArgumentError`` for another ``answer``.

    >>> from tinyconv.explain.scoring import class_answer
    >>> ask = class_answer(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.array([1, 0]))
    >>> ask(np.ones((3, 1, 2, 2), np.float32), np.array([0, 0, 1])).shape
    (3,)
    """
    if answer not in ANSWERS:
        raise ArgumentError(f"scoring: answer {answer!r} does not exist: choose {' or '.join(ANSWERS)}")
    device = device_of(model)

    def ask(images: FloatArray, rows: Array) -> FloatArray:
        before_softmax = BeforeSoftmax()
        with evaluation_mode(model), no_grad():
            with observe(before_softmax):
                output = model(Tensor(images).to(device))
            logits = before_softmax.scores(output)
            values = functional.softmax(logits, dim=1) if answer == "probability" else logits
        chosen: FloatArray = values.cpu().array[np.arange(len(images)), targets[rows]]
        return chosen

    return ask


def perturb(
    answer: Answer,
    images: FloatArray,
    order: Array,
    regions: Regions,
    *,
    steps: int | None = None,
    draws: int = DRAWS,
    noise: tuple[FloatArray | float, FloatArray | float] | None = None,
    fill: FloatArray | float | None = None,
    seed: int = 0,
) -> PerturbationCurves:
    """Take the regions of each image away in its ``order`` (N, regions), and ask for the ``answer`` after each.

    ``steps``: L, by default all regions. ``noise``: the lowest and the highest pixel, numbers or (C, 1, 1), by default
    those of ``images``; ``draws``: how many are made of it. ``fill``: a fixed replacement, a number or what fits to
    (C, H, W), in place of noise. The noise of an image's region depends on ``seed``, the image's place and the region,
    not on the step: two orders, and two methods, meet the same noise.

    Shape: ``images`` (N, C, H, W).
    Dtype: floating; the answers are float64.
    Raises: ``ArgumentError`` for more steps than regions, or no draws; ``ShapeError`` where order and images differ.
    Source: Samek et al., 2017, eqs. 6 to 12.

    >>> from tinyconv.explain.scoring import Regions, perturb
    >>> regions = Regions(2, 2, side=1)
    >>> brightness = lambda images, _: images.sum(axis=(1, 2, 3))
    >>> image = np.array([[[[1.0, 4.0], [2.0, 3.0]]]])
    >>> order = regions.order(image[:, 0])
    >>> perturb(brightness, image, order, regions, fill=0.0).answers.tolist()
    [[10.0, 6.0, 3.0, 1.0, 0.0]]
    """
    steps = regions.count if steps is None else steps
    draws = draws if fill is None else 1
    if not 1 <= steps <= regions.count or draws < 1:
        raise ArgumentError(
            f"scoring: {steps} steps of {draws} draws; the steps must be 1 to {regions.count}, the number of regions, "
            "the draws 1 or more"
        )
    images = np.asarray(images)
    if order.shape != (len(images), regions.count) or images.shape[2:] != (regions.height, regions.width):
        raise ShapeError(
            f"scoring: {regions.count} regions of {regions.height}x{regions.width} pixels go with an order of shape "
            f"({len(images)}, {regions.count}), got {order.shape}, and images of that size, got {images.shape}"
        )
    low, high = noise if noise is not None else (images.min(initial=0), images.max(initial=0))
    answers = np.empty((len(images), steps + 1))
    at_once = max(1, IMAGES_AT_ONCE // draws)
    for start in range(0, len(images), at_once):
        rows = np.arange(start, min(start + at_once, len(images)))
        current = images[rows]
        answers[rows, 0] = answer(current, rows)
        shape = (draws, *images.shape[1:])
        if fill is None:
            replacements = np.stack([_noise(seed, int(row), shape, low, high) for row in rows]).astype(images.dtype)
        else:
            replacements = np.broadcast_to(np.asarray(fill, images.dtype), (len(rows), *shape))
        for step in range(steps):
            taken = regions.numbers == order[rows, step, None, None]
            candidates = np.where(taken[:, None, None], replacements, current[:, None])
            asked = answer(candidates.reshape(-1, *images.shape[1:]), np.repeat(rows, draws)).reshape(len(rows), draws)
            # Of an even number of draws, the lower of the two in the middle.
            median = np.argsort(asked, axis=1, kind="stable")[:, (draws - 1) // 2]
            places = np.arange(len(rows))
            current = candidates[places, median]
            answers[rows, step + 1] = asked[places, median]
    return PerturbationCurves(answers)


def _noise(seed: int, row: int, shape: tuple[int, ...], low: FloatArray | float, high: FloatArray | float) -> Array:
    return low + (high - low) * philox(seed, "explain.noise", row).random(shape)
