"""Floor 7: finding things in whole photographs with a network that was trained on windows of one size."""

from tinyconv.detection.boxes import Box, group
from tinyconv.detection.crops import save_crops
from tinyconv.detection.judging import Judgement, judge, read_truth
from tinyconv.detection.picture import draw_boxes
from tinyconv.detection.search import find

__all__ = ["Box", "Judgement", "draw_boxes", "find", "group", "judge", "read_truth", "save_crops"]
