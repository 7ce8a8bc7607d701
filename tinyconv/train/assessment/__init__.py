"""How good a trained run is: figures of merit, pictures of its confusions and mistakes, and the images to judge by."""

from __future__ import annotations

from tinyconv.train.assessment.images import JudgedImages, held_out_images, other_images
from tinyconv.train.assessment.report import assess, write_report
from tinyconv.train.assessment.scores import Assessment, ClassScores

__all__ = [
    "Assessment",
    "ClassScores",
    "JudgedImages",
    "assess",
    "held_out_images",
    "other_images",
    "write_report",
]
