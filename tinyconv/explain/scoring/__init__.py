"""How good an explanation is: what becomes of the answer when it is followed, and whether it sees the weights."""

from tinyconv.explain.scoring.perturbation import PerturbationCurves, class_answer, perturb
from tinyconv.explain.scoring.randomisation import Randomisation, randomisation_check
from tinyconv.explain.scoring.regions import Regions
from tinyconv.explain.scoring.trial import MapScore, PerturbationTrial

__all__ = [
    "MapScore",
    "PerturbationCurves",
    "PerturbationTrial",
    "Randomisation",
    "Regions",
    "class_answer",
    "perturb",
    "randomisation_check",
]
