"""Pictures of explanations: the maps' colours (colours), their arrangement (sheet), figures and files (figures)."""

from tinyconv.explain.pictures.colours import map_pixels, remarks, scale_limit
from tinyconv.explain.pictures.figures import explanation_figure, explanation_png, save_explanation
from tinyconv.explain.pictures.occluded import occlusion_figure, save_occlusion
from tinyconv.explain.pictures.sheet import Subject

__all__ = [
    "Subject",
    "explanation_figure",
    "explanation_png",
    "map_pixels",
    "occlusion_figure",
    "remarks",
    "save_explanation",
    "save_occlusion",
    "scale_limit",
]
