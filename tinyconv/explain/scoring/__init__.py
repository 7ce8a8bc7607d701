"""How good an explanation is: what becomes of the answer when it is followed, and whether it sees the weights."""

from tinyconv.explain.scoring.curves_picture import write_scores_png
from tinyconv.explain.scoring.perturbation import PerturbationCurves, class_answer, perturb
from tinyconv.explain.scoring.randomisation import Randomisation, randomisation_check
from tinyconv.explain.scoring.ranking import MethodScore, relevance, score_methods
from tinyconv.explain.scoring.record import ScoreRecord
from tinyconv.explain.scoring.regions import Regions
from tinyconv.explain.scoring.trial import MapScore, PerturbationTrial

__all__ = [
    "MapScore",
    "MethodScore",
    "PerturbationCurves",
    "PerturbationTrial",
    "Randomisation",
    "Regions",
    "ScoreRecord",
    "class_answer",
    "perturb",
    "randomisation_check",
    "relevance",
    "score_methods",
    "write_scores_png",
]
