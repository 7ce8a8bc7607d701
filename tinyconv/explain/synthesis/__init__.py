"""Images made by a network instead of shown to it: what its units look for, and what its layers still know."""

from tinyconv.explain.synthesis.class_models import class_model
from tinyconv.explain.synthesis.maximization import maximize
from tinyconv.explain.synthesis.recipes import RECIPES, Recipe
from tinyconv.explain.synthesis.result import Synthesis

__all__ = ["RECIPES", "Recipe", "Synthesis", "class_model", "maximize"]
