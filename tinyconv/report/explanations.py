"""Why the network decides as it does: every explanation method on the same images, and what its maps are worth.

What a map is worth is measured, not judged by eye: regions are taken away, those first that the map calls most
important, and the faster the score falls, the better the map (region perturbation; see ``explain.scoring``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import TinyconvError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.methods import METHODS, attribute, run_options
from tinyconv.explain.scoring import MapScore, PerturbationTrial, relevance
from tinyconv.features.colours import Scale, count_not_finite, finite_limit, format_number
from tinyconv.features.probes import choose_probes
from tinyconv.report.arithmetic import Followed
from tinyconv.report.encoding import coloured, photograph
from tinyconv.report.material import Material

CASES = 4
SCORED = 16
"""Images that the methods are put to the test on."""

PERCENTILE = 99.5
"""A single extreme pixel would leave all others white: what lies beyond this share has the strongest colour."""


@dataclass(frozen=True)
class Case:
    """An image, and the class whose score is explained."""

    picture: FloatArray
    label: str
    target: int
    predicted: int


@dataclass(frozen=True)
class Explained:
    """The answers of all methods on ``cases``; ``scores`` of the methods that were measured; ``failed``: sentences."""

    cases: list[Case]
    attributions: dict[str, list[Attribution]]
    scores: dict[str, MapScore]
    scored: int
    regions: str
    failed: list[str]


def explain_all(material: Material, followed: Sequence[Followed], seed: int) -> Explained:
    """Every method of ``METHODS`` on a few images; and measured on more, where the run's images are to be had."""
    cases = _cases(material, followed)
    normalize, model = material.run.preprocessing.normalize, material.run.model
    inputs = normalize(np.stack([case.picture for case in cases])).astype(np.float32)
    trial = _trial(material, seed)
    random = None if trial is None else trial.random_curves().aopc
    attributions: dict[str, list[Attribution]] = {}
    scores: dict[str, MapScore] = {}
    failed = []
    for name in METHODS:
        options = run_options(name, material.run.preprocessing, seed)
        try:
            # One by one: what a method has to say of an image stands below that image.
            attributions[name] = [
                attribute(model, inputs[place : place + 1], name, case.target, **options)
                for place, case in enumerate(cases)
            ]
            if trial is not None and random is not None:
                found = attribute(model, trial.images, name, trial.targets, **options)
                scores[name] = trial.score(name, relevance(found), random)
        except TinyconvError as error:
            failed.append(f"{name}: {error}")
    words = ""
    if trial is not None:
        side = trial.regions.side
        words = f"{trial.length} of {trial.regions.count} regions of {side}×{side} pixels"
    return Explained(cases, attributions, scores, 0 if trial is None else len(trial.images), words, failed)


def _cases(material: Material, followed: Sequence[Followed]) -> list[Case]:
    """The followed images, one that was mistaken for both its classes; then probes, until there are enough."""
    cases: list[Case] = []
    for one in followed:
        predicted = int(one.passed.logits.argmax())
        targets = dict.fromkeys((predicted, one.passed.target))
        cases += [Case(one.picture, one.label, target, predicted) for target in targets]
    predictions = material.run.logits(material.pictures).argmax(axis=1)
    for picture, label, guess in zip(material.pictures, material.labels, predictions, strict=True):
        if len(cases) < CASES and not any(np.array_equal(case.picture, picture) for case in cases):
            cases.append(Case(picture, label, int(guess), int(guess)))
    return cases


def _trial(material: Material, seed: int) -> PerturbationTrial | None:
    judged, assessment = material.judged, material.assessment
    if judged is None or assessment is None or not len(judged.labels):
        return None
    chosen = np.sort(choose_probes(judged.labels, SCORED))
    normalize = material.run.preprocessing.normalize
    images = normalize(judged.images[chosen]).astype(np.float32)
    # 0 is the mean pixel of the training: what is taken away becomes grey.
    return PerturbationTrial(material.run.model, images, assessment.predictions[chosen], fill=0.0, seed=seed)


def explanations_values(explained: Explained, classes: Sequence[str], most: int = CASES) -> dict[str, Any]:
    """What the template is filled with; at most ``most`` of the cases."""
    best = sorted(explained.scores.values(), key=lambda score: -score.mean)
    top = max((abs(score.mean) for score in best), default=1.0) or 1.0
    random = float(np.mean([score.random.mean() for score in best])) if best else 0.0
    return {
        "cases": [_case(explained, number, classes) for number in range(min(most, len(explained.cases)))],
        "families": _families(explained),
        "scores": [
            {
                "name": score.method,
                "words": METHODS[score.method].words,
                "aopc": format_number(score.mean),
                "share": round(100 * max(0.0, score.mean) / top, 1),
                "better": f"{100 * score.share_better:.0f}%",
                "p": "" if np.isnan(score.p_value) else f"{score.p_value:.1g}",
                "beats": bool(score.p_value < 0.01),
            }
            for score in best
        ],
        "random": format_number(random),
        "random_share": round(100 * max(0.0, random) / top, 1),
        "scored": explained.scored,
        "regions": explained.regions,
        "failed": explained.failed,
    }


def _families(explained: Explained) -> list[dict[str, Any]]:
    """The methods by family, in the order of the table."""
    grouped: dict[str, list[str]] = {}
    for name in explained.attributions:
        grouped.setdefault(METHODS[name].family, []).append(name)
    return [{"name": family, "methods": names} for family, names in grouped.items()]


def _case(explained: Explained, number: int, classes: Sequence[str]) -> dict[str, Any]:
    case = explained.cases[number]
    maps = {}
    for name, answers in explained.attributions.items():
        attribution = answers[number]
        heat = attribution.heat()[0]
        limit = _limit(heat)
        score = explained.scores.get(name)
        maps[name] = {
            "src": coloured(heat, Scale("channel", limit, signed=True)),
            "limit": format_number(limit),
            "words": METHODS[name].words,
            "remark": _remark(heat),
            "notes": [note.removeprefix("Image 1: ") for note in attribution.notes],
            "aopc": "" if score is None else format_number(score.mean),
        }
    first = next(iter(explained.attributions.values()), None)
    return {
        "src": photograph(case.picture),
        "label": case.label,
        "target": classes[case.target],
        "predicted": classes[case.predicted],
        "right": case.target == case.predicted,
        "score": "" if first is None else format_number(float(first[number].scores[0])),
        "maps": maps,
    }


def _limit(heat: FloatArray) -> float:
    finite = np.abs(heat[np.isfinite(heat)])
    limit = float(np.percentile(finite, PERCENTILE)) if finite.size else 0.0
    return limit or finite_limit(heat)


def _remark(heat: Array) -> str:
    """What the colours alone would not say."""
    if count_not_finite(heat):
        return f"{count_not_finite(heat)} values are NaN or infinite"
    if not heat.any():
        return "0 everywhere: the method finds no evidence"
    if heat.max() <= 0:
        return "nothing speaks for the class: no value is above 0"
    return ""
