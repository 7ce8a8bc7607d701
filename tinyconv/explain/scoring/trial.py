"""Region perturbation of a model on a set of images: the same trial for every explanation method, and for chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.scoring.perturbation import DRAWS, PerturbationCurves, class_answer, perturb
from tinyconv.explain.scoring.regions import Regions
from tinyconv.nn.module import Module

RANDOM_ORDERS = 3
SHARE = 100 * 9**2 / 224**2
"""Of an image that the source takes away: 100 regions of 9x9 pixels of 224x224, 16%."""

FEWEST_FOR_A_TEST = 6
"""Of fewer pairs not even the most lopsided has a probability below 2% under Wilcoxon's test."""


@dataclass(frozen=True)
class MapScore:
    """How the maps of one method fared beside random orders of the same regions.

    ``aopc`` and ``random``: (N,), the area of each image, and the mean of those of several random orders.
    ``curve``: (L + 1,), the mean drop of the answer after each step.

    Raises: nothing of its own.

    >>> from tinyconv.explain.scoring import MapScore
    >>> score = MapScore("gradient", np.arange(1.0, 9.0), np.zeros(8), np.array([0.0, 4.5]))
    >>> score.mean, score.share_better, score.p_value < 0.01
    (4.5, 1.0, True)
    """

    method: str
    aopc: FloatArray
    random: FloatArray
    curve: FloatArray

    @property
    def mean(self) -> float:
        """AOPC: over the images."""
        return float(self.aopc.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean; NaN for a single image."""
        return float(self.aopc.std(ddof=1) / math.sqrt(len(self.aopc))) if len(self.aopc) > 1 else math.nan

    @property
    def share_better(self) -> float:
        """The share of images on which the method's order beats the random ones."""
        return float((self.aopc > self.random).mean())

    @property
    def p_value(self) -> float:
        """The probability of areas so much above the random ones if the map were no better than chance.

        Wilcoxon's signed-rank test, paired by image, one-sided; NaN for fewer images than can decide.
        """
        from scipy.stats import wilcoxon

        difference = self.aopc - self.random
        if len(difference) < FEWEST_FOR_A_TEST:
            return math.nan
        return float(wilcoxon(difference, alternative="greater").pvalue) if difference.any() else 1.0

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON expresses them: what is unknown is null."""
        figures = {
            "aopc": self.mean,
            "standard_error": self.standard_error,
            "random": float(self.random.mean()),
            "share_better_than_random": self.share_better,
            "p_value": self.p_value,
        }
        known = {name: None if math.isnan(value) else value for name, value in figures.items()}
        return {"method": self.method, **known, "curve": self.curve.tolist()}


@dataclass(frozen=True)
class PerturbationTrial:
    """A model, images as it takes them, the class that is explained of each, and how regions are taken away.

    ``side`` of a region, by default an eighth of the image; ``steps``: how many regions go, by default 16% of them, as
    in the source. What comes in their place is ``fill``, a number or (C, 1, 1), such as grey; where that is None,
    uniform noise, of which ``draws`` are made and the median counts; ``noise``: its lowest and highest pixel, numbers
    or (C, 1, 1), by default those of the images. ``answer``: "logit" or "probability" of the class.

    Noise is what the source takes. It does not only take away: to a network that answers to contrast it is a strange
    picture wherever it stands, and then the order counts for little.

    Raises: ``ArgumentError`` where there is no image, or not one target for each.
    Source: Samek et al., "Evaluating the visualization of what a deep neural network has learned", 2017.

    >>> from tinyconv.explain.scoring import PerturbationTrial
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    >>> images = np.random.default_rng(0).random((8, 1, 8, 8)).astype(np.float32)
    >>> trial = PerturbationTrial(model, images, [0] * 8, fill=0.5, side=2, steps=8)
    >>> true = model[1].weight.detach().numpy()[0].reshape(8, 8) * (images[:, 0] - 0.5)
    >>> trial.score("the true contributions", true, trial.random_curves().aopc).share_better
    1.0
    """

    model: Module
    images: FloatArray
    targets: Sequence[int] | Array
    side: int | None = None
    steps: int | None = None
    fill: Any = field(default=None, repr=False)
    draws: int = DRAWS
    noise: tuple[Any, Any] | None = field(default=None, repr=False)
    answer: str = "logit"
    seed: int = 0

    def __post_init__(self) -> None:
        if np.ndim(self.images) != 4 or not len(self.images) or np.shape(self.targets) != (len(self.images),):
            raise ArgumentError(
                f"PerturbationTrial: images must be (N, C, H, W), with at least one, and targets (N,); got "
                f"{np.shape(self.images)} and {np.shape(self.targets)}"
            )

    @cached_property
    def regions(self) -> Regions:
        """What the images are taken apart into."""
        return Regions.of(self.images.shape[2], self.images.shape[3], self.side)

    @property
    def length(self) -> int:
        """L: how many regions go."""
        return max(1, round(SHARE * self.regions.count)) if self.steps is None else self.steps

    def curves(self, heat: FloatArray, order: str = "morf") -> PerturbationCurves:
        """What becomes of the answers when regions go in the ``order`` ("morf", "lerf") that maps (N, H, W) give."""
        return self._perturbed(self.regions.order(heat, order, self.seed))

    def random_curves(self) -> PerturbationCurves:
        """The same for random orders: the mean over several of them. It is the same at each call, and as slow."""
        flat = np.zeros((len(self.images), self.regions.height, self.regions.width))
        orders = [self.regions.order(flat, "random", self.seed + number) for number in range(RANDOM_ORDERS)]
        return PerturbationCurves(np.mean([self._perturbed(order).answers for order in orders], axis=0))

    def score(self, method: str, heat: FloatArray, random: FloatArray) -> MapScore:
        """How the maps (N, H, W) of ``method`` fare, the most relevant regions first, beside ``random`` orders' areas.

        ``random``: (N,), as ``random_curves().aopc``.
        """
        curves = self.curves(heat)
        return MapScore(method, curves.aopc, random, curves.drops.mean(axis=0))

    def _perturbed(self, order: Array) -> PerturbationCurves:
        return perturb(
            class_answer(self.model, np.asarray(self.targets), self.answer),
            self.images,
            order,
            self.regions,
            steps=self.length,
            draws=self.draws,
            fill=self.fill,
            noise=self.noise,
            seed=self.seed,
        )
