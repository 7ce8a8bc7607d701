"""What units and classes would like best: pictures made by gradient ascent from noise (see ``explain.synthesis``).

A unit sees a patch only, so its picture is made in an image just large enough for that patch: what ``maximize`` does in
a whole one, at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import TinyconvError
from tinyconv.explain.running import at_rest
from tinyconv.explain.synthesis import maximize
from tinyconv.explain.synthesis.ascent import LEVELS, ascend, pixel_range
from tinyconv.explain.synthesis.maximization import START_LEVELS
from tinyconv.explain.synthesis.reading import Units
from tinyconv.explain.synthesis.recipes import recipe_for
from tinyconv.features.colours import format_number
from tinyconv.report.encoding import photograph
from tinyconv.report.material import Material
from tinyconv.report.responses import Responses

RECIPE, STEPS = "yosinski-3", 120
CLASSES = 10


@dataclass(frozen=True)
class Dreams:
    """Of some ``channels`` of a layer: what they see of the ``pictures`` made for them, and their ``answers``."""

    channels: tuple[int, ...]
    pictures: FloatArray
    answers: FloatArray

    def of(self, channel: int) -> dict[str, Any] | None:
        """For the dossier of ``channel``."""
        if channel not in self.channels:
            return None
        place = self.channels.index(channel)
        return {
            "src": photograph(stretched(self.pictures[place])),
            "value": format_number(float(self.answers[place])),
        }


def dreams_of(
    material: Material,
    responses: Mapping[str, Responses],
    channels: Mapping[str, Sequence[int]],
    seed: int,
    message: Callable[[str], None],
) -> dict[str, Dreams]:
    """The pictures of the chosen units of each layer; none of a layer whose units cannot be found again.

    ``message`` is told which layer's turn it is: in a deep network this is what takes longest.
    """
    made = {}
    for number, (name, one) in enumerate(responses.items(), start=1):
        message(f"pictures that units would like best: {name} ({number} of {len(responses)} layers)")
        try:
            made[name] = _dreams(material, one, channels[name], seed)
        except TinyconvError:
            continue  # as in a network that looks different for an image of another size
    return made


def _dreams(material: Material, one: Responses, channels: Sequence[int], seed: int) -> Dreams:
    height, width = _room(one, material.run.preprocessing.image_size)
    shape = (material.run.preprocessing.channels, height, width)
    random = np.random.default_rng(seed)
    low, high = pixel_range(material.run.preprocessing.bounds(), shape, np.float32)
    noise = float(np.mean(high - low)) * START_LEVELS / LEVELS
    start = (noise * random.standard_normal((len(channels), *shape))).astype(np.float32)
    units = Units(material.run.model, one.unrectified, channels)
    seen = one.layer.receptive_field
    recipe = recipe_for(RECIPE, min(height, width) if seen is None else max(seen.size), steps=STEPS)
    with at_rest(material.run.model):
        images, history = ascend(units, start, recipe, low, high, random)
    pictures = np.clip((images - low) / (high - low), 0, 1)
    if seen is not None:
        # The unit in the middle of the map, which ``Units`` asked.
        row, column = (int(side / jump) // 2 for side, jump in zip((height, width), seen.jump, strict=True))
        top, left, bottom, right = seen.patch(row, column, (height, width))
        pictures = pictures[..., top:bottom, left:right]
    return Dreams(tuple(channels), pictures, history[-1])


def class_dreams(material: Material, seed: int) -> list[dict[str, Any]]:
    """The image that the network takes for each class most surely, for the first classes."""
    classes = material.run.classes[:CLASSES]
    one = material.run.preprocessing
    made = maximize(
        material.run.model,
        None,
        list(range(len(classes))),
        shape=(one.channels, *one.image_size),
        recipe=RECIPE,
        bounds=material.run.preprocessing.bounds(),
        labels=classes,
        seed=seed,
        steps=STEPS,
    )
    pictures = made.pictures()
    return [
        {"name": name, "src": photograph(stretched(pictures[place])), "score": format_number(float(made.values[place]))}
        for place, name in enumerate(classes)
    ]


def stretched(picture: FloatArray) -> FloatArray:
    """(C, H, W) in [0, 1] with more contrast, so that a faint pattern is seen: its extreme becomes black or white."""
    middle = float(np.median(picture))
    reach = float(np.abs(picture - middle).max())
    return np.clip(0.5 + (picture - middle) / (2 * reach), 0, 1) if reach > 0 else picture


def _room(one: Responses, image_size: Pair) -> Pair:
    """(height, width) of an image in which a unit in the middle still sees what it sees in a whole one."""
    field = one.layer.receptive_field
    if field is None:
        return image_size
    height, width = (
        min(side, ceil((size + 2 * jump) / jump) * ceil(jump))
        for side, size, jump in zip(image_size, field.size, field.jump, strict=True)
    )
    return height, width
