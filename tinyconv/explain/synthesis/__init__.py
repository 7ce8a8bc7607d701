"""Images made by a network instead of shown to it: what its units look for, and what its layers still know.

Made from nothing: ``maximize`` (a unit or class by gradient ascent), ``class_model``, ``invert`` (an image from what a
layer knows of it). Found among real images: ``top_patches``, and ``dissect``, which needs masks.
"""

from tinyconv.explain.synthesis.class_models import class_model
from tinyconv.explain.synthesis.dissection import Dissection, dissect
from tinyconv.explain.synthesis.inversion import Inversion, invert
from tinyconv.explain.synthesis.inversion_sheet import inversion_sheet
from tinyconv.explain.synthesis.maximization import maximize
from tinyconv.explain.synthesis.patches import TopPatches, top_patches
from tinyconv.explain.synthesis.recipes import RECIPES, Recipe
from tinyconv.explain.synthesis.result import Synthesis

__all__ = [
    "RECIPES",
    "Dissection",
    "Inversion",
    "Recipe",
    "Synthesis",
    "TopPatches",
    "class_model",
    "dissect",
    "inversion_sheet",
    "invert",
    "maximize",
    "top_patches",
]
