"""The methods on the same images, one after another: each one's area beside chance, and whether it sees the weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, TinyconvError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.methods import METHODS
from tinyconv.explain.scoring.randomisation import Randomisation, randomisation_check
from tinyconv.explain.scoring.trial import MapScore, PerturbationTrial

SHUFFLED_IMAGES = 16
"""The randomisation check makes a map for every layer: so many images are enough for a mean correlation."""


BY_MAGNITUDE = ("gradient", "smoothgrad", "guided-backprop", "deconvnet", "guided-grad-cam")
"""Methods whose sign says whether a pixel should be brighter or darker, not whether it counted for the class or against
it: what they call relevant is large (Samek et al., 2017, take the norm of gradients and deconvnet's patterns)."""


@dataclass(frozen=True)
class MethodScore:
    """``scores``: in each trial, by its name; ``randomisation``: of some of the images; ``seconds``: for all maps.

    Raises: nothing of its own.

    >>> from tinyconv.explain.scoring import MethodScore
    >>> sorted(MethodScore.__dataclass_fields__)
    ['method', 'randomisation', 'scores', 'seconds']
    """

    method: str
    scores: dict[str, MapScore]
    randomisation: Randomisation
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON expresses them."""
        return {
            "method": self.method,
            **{name: score.to_json() for name, score in self.scores.items()},
            "correlations_with_shuffled_weights": dict(
                zip(self.randomisation.layers, self.randomisation.means.tolist(), strict=True)
            ),
            "correlation_with_upper_half_shuffled": self.randomisation.upper,
            "insensitive_to_the_weights": self.randomisation.insensitive,
            "seconds": self.seconds,
        }


def relevance(attribution: Attribution) -> FloatArray:
    """The map (N, H, W) that says how relevant each pixel is: signed, or of magnitudes where the sign means another.

    Raises: nothing of its own.

    >>> from tinyconv.explain import gradient
    >>> from tinyconv.explain.scoring import relevance
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> bool((relevance(gradient(model, np.ones((1, 1, 2, 2), np.float32))) >= 0).all())
    True
    """
    return attribution.magnitude() if attribution.method in BY_MAGNITUDE else attribution.heat()


def score_methods(
    trials: Mapping[str, PerturbationTrial],
    methods: Sequence[str],
    random: Mapping[str, FloatArray],
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[tuple[str, MethodScore | str]]:
    """Each of ``methods``, with its score, or with the reason for which it cannot explain this model.

    ``trials``: by name, of the same model, images and targets. ``random``: by name, the areas (N,) of random orders,
    as ``random_curves().aopc`` of each trial gives them. ``options``: of methods that are told more, by their names.

    Raises: ``ArgumentError`` for a method that does not exist.

    >>> from tinyconv.explain.scoring import PerturbationTrial, score_methods
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()
    >>> images = np.random.default_rng(0).random((8, 1, 8, 8)).astype(np.float32)
    >>> trial = PerturbationTrial(model, images, [0] * 8, fill=0.5, side=2)
    >>> random = trial.random_curves().aopc
    >>> found = dict(score_methods({"grey": trial}, ["gradient", "grad-cam"], {"grey": random}))
    >>> found["gradient"].scores["grey"].method, found["grad-cam"][:27]
    ('gradient', 'the network has no layer wi')
    """
    for method in methods:
        if method not in METHODS:
            raise ArgumentError(f"there is no method {method!r}; the methods are: {', '.join(METHODS)}")
    told = options or {}
    return ((method, _scored(trials, method, random, told.get(method, {}))) for method in methods)


def _scored(
    trials: Mapping[str, PerturbationTrial], method: str, random: Mapping[str, FloatArray], options: Mapping[str, Any]
) -> MethodScore | str:
    trial = next(iter(trials.values()))
    some = np.linspace(0, len(trial.images) - 1, min(SHUFFLED_IMAGES, len(trial.images))).round().astype(np.int64)
    images, targets = trial.images[some], np.asarray(trial.targets)[some]
    explain = partial(METHODS[method].function, **options)
    start = time.perf_counter()
    try:
        maps = relevance(explain(trial.model, trial.images, trial.targets))
        seconds = time.perf_counter() - start
        shuffled = randomisation_check(
            lambda model: relevance(explain(model, images, targets)), trial.model, trial.seed
        )
    except TinyconvError as error:
        return str(error)
    scores = {name: one.score(method, maps, random[name]) for name, one in trials.items()}
    return MethodScore(method, scores, shuffled, seconds)
