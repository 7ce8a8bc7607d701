"""What a search varies, and the values of every trial: a function of the seed and the trial's number alone.

Trials are drawn at random, not from a grid: of the parameters few matter, nobody knows before which, and every trial
tries another value of those that do (Bergstra & Bengio, "Random search for hyper-parameter optimization", 2012).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError
from tinyconv.models import registry
from tinyconv.train.recipes import LIMITS, Recipe

Range = tuple[float, float]

STRENGTHS = ("shift", "crop", "degrees", "scale", "brightness", "contrast", "cutout")
"""What of a recipe's augmentation has a strength; those of them that are whole pixels are in ``PIXELS``."""

PIXELS = ("shift", "crop", "cutout")
LARGEST_SCALE = 0.9
CHANNEL_STEP = 8
"""Widths are multiples of it: that many numbers the processor computes at once."""


@dataclass(frozen=True)
class SearchSpace:
    """From where to where each parameter is searched; None leaves it as the recipe has it.

    ``lr`` and ``weight_decay``: evenly in their logarithm. ``width``: a factor on the channels of every layer, evenly
    in its logarithm. ``augmentation``: a factor on the strengths of the recipe's augmentation, evenly; flips, which
    have no strength, stay. ``batch_size``: one of these numbers.

    Raises: ``ArgumentError`` for a range that is upside down or outside what a recipe takes.

    >>> from tinyconv.train import Recipe, SearchSpace
    >>> space = SearchSpace.around(Recipe(lr=0.01))
    >>> space.lr, space.width, space.augmentation
    ((0.001, 0.1), (0.5, 2.0), (0.0, 2.0))
    >>> space.parameters(seed=0, trial=0)
    {}
    >>> space.parameters(seed=0, trial=5) == space.parameters(seed=0, trial=5)
    True
    """

    lr: Range | None = None
    width: Range | None = None
    augmentation: Range | None = None
    weight_decay: Range | None = None
    batch_size: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("lr", "width", "augmentation", "weight_decay"):
            limits = getattr(self, name)
            if limits is None:
                continue
            low, high = limits
            least_excluded = name != "augmentation"  # the others are searched by their logarithm
            if not (0 <= low <= high < math.inf) or (least_excluded and low == 0):
                kind = "positive numbers" if least_excluded else "numbers of 0 or more"
                raise ArgumentError(f"{name} is searched between two {kind}, the smaller first; got {low:g},{high:g}")
        if self.batch_size is not None and (not self.batch_size or min(self.batch_size) < 1):
            raise ArgumentError(f"batch sizes must be at least 1, got {self.batch_size}")

    @classmethod
    def around(cls, recipe: Recipe, **changes: Any) -> SearchSpace:
        """The space that suits ``recipe``: a tenth to ten times its learning rate, half to twice its model's width,
        none to twice its augmentation, as far as it has these; ``changes`` that are not None go first.

        Raises: ``ArgumentError`` where a change is of what the recipe's model or augmentation does not have.
        """
        strong = recipe.augment and any(getattr(recipe, name) for name in STRENGTHS)
        usual: dict[str, Any] = {
            "lr": (float(f"{recipe.lr / 10:.3g}"), float(f"{recipe.lr * 10:.3g}")),
            "width": (0.5, 2.0) if _width_option(recipe) else None,
            "augmentation": (0.0, 2.0) if strong else None,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        if "width" in given and usual["width"] is None:
            raise ArgumentError(f"model {recipe.model} has no width to search over; leave it out, or choose another")
        if "augmentation" in given and usual["augmentation"] is None:
            raise ArgumentError("this recipe has no augmentation whose strength could be searched over; leave it out")
        return cls(**{**usual, **given})

    def parameters(self, seed: int, trial: int) -> dict[str, float]:
        """What trial number ``trial`` changes; number 0 changes nothing, so that the recipe itself competes."""
        if trial == 0:
            return {}
        drawn: dict[str, float] = {}
        for parameter in fields(self):
            limits = getattr(self, parameter.name)
            if limits is None:
                continue
            # A stream of its own: what is searched besides does not change a parameter's values.
            share = random.philox(seed, f"tune {parameter.name}", trial).random()
            if parameter.name == "batch_size":
                drawn[parameter.name] = limits[int(share * len(limits))]
            elif parameter.name == "augmentation":
                drawn[parameter.name] = float(f"{limits[0] + share * (limits[1] - limits[0]):.3g}")
            else:  # low^(1 - share) high^share
                drawn[parameter.name] = float(f"{limits[0] * (limits[1] / limits[0]) ** share:.3g}")
        return drawn

    def to_json(self) -> dict[str, Any]:
        """The ranges as JSON expresses them."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> SearchSpace:
        """The inverse of ``to_json``."""
        return cls(**{name: None if value is None else tuple(value) for name, value in record.items()})


def varied(recipe: Recipe, parameters: dict[str, float]) -> Recipe:
    """``recipe`` with the ``parameters`` of a trial."""
    changes: dict[str, Any] = {name: parameters[name] for name in ("lr", "weight_decay") if name in parameters}
    if "batch_size" in parameters:
        changes["batch_size"] = int(parameters["batch_size"])
    if "width" in parameters:
        option = _width_option(recipe)
        scaled = _scaled(option, _model_options(recipe)[option], parameters["width"])
        changes["model_options"] = recipe.model_options | {option: scaled}
    if "augmentation" in parameters:
        for name in STRENGTHS:
            strength = getattr(recipe, name) * parameters["augmentation"]
            largest = LARGEST_SCALE if name == "scale" else LIMITS[name][1]
            changes[name] = round(strength) if name in PIXELS else min(float(f"{strength:.3g}"), largest)
    return recipe.changed(**changes)


def _model_options(recipe: Recipe) -> dict[str, Any]:
    return registry.defaults(recipe.model) | recipe.model_options


def _width_option(recipe: Recipe) -> str:
    """The name of the option of the recipe's model that says how many channels it has; "" where there is none."""
    return next((name for name in ("widths", "width", "width_mult") if name in _model_options(recipe)), "")


def _scaled(option: str, widths: Any, factor: float) -> Any:
    """The value of the ``option`` whose value is ``widths``, for ``factor`` times as many channels."""
    if option == "width_mult":  # a factor itself, of which the model makes whole numbers
        return float(f"{widths * factor:.3g}")
    return [_channels(width * factor) for width in widths] if option == "widths" else _channels(widths * factor)


def _channels(width: float) -> int:
    return max(CHANNEL_STEP, CHANNEL_STEP * round(width / CHANNEL_STEP))
