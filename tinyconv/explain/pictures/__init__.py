"""Pictures of explanations: the maps' colours (colours), their arrangement (sheet), figures and files (figures)."""

from tinyconv.explain.pictures.colours import map_pixels, remarks, scale_limit
from tinyconv.explain.pictures.figures import explanation_figure, explanation_png, save_explanation
from tinyconv.explain.pictures.sheet import Subject

__all__ = [
    "Subject",
    "explanation_figure",
    "explanation_png",
    "map_pixels",
    "remarks",
    "save_explanation",
    "scale_limit",
]
