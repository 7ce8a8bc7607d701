"""How an image is climbed: step sizes, regularisers and priors, as sets that have a name.

The four sets of Yosinski et al. (2015) have the regularisers of their toolbox. The step sizes are of here: there they
are multiples of the gradient that suit one network, and here they are progress, or levels by which the pixels move,
which suit any; images of 64 pixels need fewer steps than those of 227. The last set follows Olah, Mordvintsev and
Schubert (2017, "Feature visualization"), with random views. Jitter and blur are at the proportions of
what a unit sees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.explain.synthesis.views import ViewRange

POLICIES = ("constant", "progress", "levels", "adam")
LUCID_SIDE = 128
"""Side of the images that Lucid's views were chosen for: a jitter of 8 pixels there is one of 4 at side 64."""
BLURRED_SIDE = 32
"""A unit that sees fewer pixels gets less blur, which would carry half of a 3x3 pattern out of its sight."""


@dataclass(frozen=True)
class Recipe:
    """What is done in each of ``steps`` steps of gradient ascent.

    ``policy`` and ``rate``, the step size: "constant", x += rate g, for pixels in 256 levels; "progress", the step that
    would raise the activation by ``rate`` if it were linear (a constant rate of ``largest_rate`` at most); "levels",
    the step along g that moves the pixels that the unit sees by ``rate`` of 256 levels (root mean square); "adam", Adam
    with this rate, in units of x. Regularisers, each off where it is 0: ``decay`` (share per step), ``blur`` (standard
    deviation, pixels) every ``blur_every`` steps, ``small_norm`` and ``small_contribution`` (percentiles of pixels that
    are set to 0), ``ball`` (largest L2 norm). Priors: ``total_variation``, the weight of TV / pixels in what is
    maximised; ``jitter`` (pixels), ``scale`` and ``rotation`` (degrees) of random views.

    Raises: ``ArgumentError`` for values outside their domain.

    >>> from tinyconv.explain.synthesis import Recipe
    >>> Recipe(steps=10, policy="progress", rate=2.0).blur
    0.0
    """

    steps: int = 500
    policy: str = "progress"
    rate: float = 2.0
    largest_rate: float = 1000.0
    decay: float = 0.0
    blur: float = 0.0
    blur_every: int = 4
    small_norm: float = 0.0
    small_contribution: float = 0.0
    ball: float = 0.0
    total_variation: float = 0.0
    jitter: int = 0
    scale: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ArgumentError(f"policy {self.policy!r} does not exist: choose one of {', '.join(POLICIES)}")
        if self.steps < 1 or self.blur_every < 1:
            raise ArgumentError(f"steps and blur_every must be at least 1, got {self.steps} and {self.blur_every}")
        if not 0 <= self.decay < 1:
            raise ArgumentError(f"decay is a share per step, 0 <= decay < 1, got {self.decay}")
        for name in ("small_norm", "small_contribution"):
            if not 0 <= getattr(self, name) < 100:
                raise ArgumentError(f"{name} is a percentile, 0 <= {name} < 100, got {getattr(self, name)}")
        for name in ("rate", "largest_rate"):
            if not getattr(self, name) > 0:
                raise ArgumentError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("blur", "ball", "total_variation", "jitter", "rotation"):
            if not getattr(self, name) >= 0:
                raise ArgumentError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ArgumentError(f"scale is a range (smallest, largest) of numbers above 0, got {self.scale}")

    @property
    def views(self) -> ViewRange:
        """The random views that a maximum must hold for."""
        return ViewRange(self.jitter, self.scale, self.rotation)

    def describe(self) -> str:
        """For a caption: the step size, and every regulariser and prior that is on, with its strength."""
        step = {
            "constant": f"of {self.rate:g} × the gradient in 256 levels",
            "progress": f"of progress {self.rate:g}",
            "levels": f"of {self.rate:g} levels each (of 256)",
            "adam": f"of Adam at {self.rate:g}",
        }
        parts = [f"{self.steps} steps {step[self.policy]}"]
        said: dict[str, str] = {
            "decay": f"L2 decay {self.decay:g}",
            "blur": f"blur {self.blur:g} px every {self.blur_every} steps",
            "small_norm": f"smallest {self.small_norm:g}% of pixels by norm set to 0",
            "small_contribution": f"least {self.small_contribution:g}% of pixels by contribution set to 0",
            "ball": f"norm at most {self.ball:g}",
            "total_variation": f"total variation × {self.total_variation:g}",
            "jitter": f"jitter ±{self.jitter} px",
            "rotation": f"rotation ±{self.rotation:g}°",
        }
        parts += [words for name, words in said.items() if getattr(self, name)]
        if self.scale != (1.0, 1.0):
            parts.append(f"scale {self.scale[0]:g} to {self.scale[1]:g}")
        return ", ".join(parts)


RECIPES = {
    "plain": Recipe(steps=100),
    "yosinski-1": Recipe(steps=500, blur=0.5, blur_every=4, small_norm=50),
    "yosinski-2": Recipe(steps=200, policy="levels", rate=30, decay=0.3, small_norm=20),
    "yosinski-3": Recipe(steps=200, policy="levels", rate=5, decay=1e-4, blur=1.0, blur_every=4),
    "yosinski-4": Recipe(steps=500, rate=10, blur=0.5, blur_every=4, small_contribution=90),
    "jitter": Recipe(
        steps=256, policy="adam", rate=0.05, total_variation=20.0, jitter=8, scale=(0.9, 1.1), rotation=10.0
    ),
}
"""Name -> recipe. "plain" has no regulariser: what gradient ascent alone finds, which is noise."""


def recipe_for(recipe: str | Recipe, side: float, **changes: Any) -> Recipe:
    """The recipe of this name, its jitter and blur at the proportions of what a unit sees, ``side`` pixels; or itself.

    ``changes``: entries that shall differ, where they are not None.

    Raises: ``ArgumentError`` for a name or a change that does not exist.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ArgumentError(f"recipe {recipe!r} does not exist: choose one of {', '.join(RECIPES)}")
        named = RECIPES[recipe]
        blur = round(named.blur * min(1.0, side / BLURRED_SIDE), 2)
        chosen = replace(named, jitter=round(named.jitter * side / LUCID_SIDE), blur=blur)
    else:
        chosen = recipe
    unknown = [name for name in changes if name not in Recipe.__dataclass_fields__]
    if unknown:
        raise ArgumentError(f"a recipe has no {unknown[0]!r}: it has {', '.join(Recipe.__dataclass_fields__)}")
    return replace(chosen, **{name: value for name, value in changes.items() if value is not None})
