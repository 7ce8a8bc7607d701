"""How each dataset is trained unless the user says otherwise: the one place where such numbers stand.

Unless a recipe says otherwise it is AdamW under a one-cycle schedule (Smith & Topin, "Super-convergence", 2018): the
learning rate rises to its maximum over the first 30% of the steps and falls to almost nothing, so that the last epoch
is the settled one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.data.images import ImageData
from tinyconv.data.transforms import (
    Augmentation,
    ColorJitter,
    Cutout,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomShift,
    Transform,
)
from tinyconv.models import registry

# The weight decay of AdamW is a share of lr; that of the others is an L2 penalty, which needs to be smaller.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"lr": 3e-3, "weight_decay": 0.0},
    "adamw": {"lr": 3e-3, "weight_decay": 1e-2},
    "sgd": {"lr": 5e-2, "weight_decay": 5e-4},
}
"""The optimisers, and what suits each where neither recipe nor user says otherwise."""


SCHEDULES = ("one-cycle", "cosine", "step", "constant")

LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, math.inf),
    "batch_size": (1, math.inf),
    "lr": (0, math.inf),
    "weight_decay": (0, math.inf),
    "momentum": (0, 1),
    "label_smoothing": (0, 1),
    "warmup": (0, math.inf),
    "decay_every": (1, math.inf),
    "decay_factor": (0, 1),
    "accumulate": (1, math.inf),
    "clip_norm": (0, math.inf),
    "clip_value": (0, math.inf),
    "ema": (0, 1),
    "mixup": (0, math.inf),
    "early_stopping": (0, math.inf),
    "shift": (0, math.inf),
    "crop": (0, math.inf),
    "degrees": (0, 180),
    "scale": (0, 1),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "cutout": (0, math.inf),
}
"""Of each number in a recipe, the least and the largest value."""
EXCLUDED = {"lr": 0, "momentum": 1, "label_smoothing": 1, "decay_factor": 0, "ema": 1, "scale": 1}
"""Limits that are no values themselves; infinity never is."""


BELONGS = {
    "momentum": ("optimizer", "sgd"),
    "decay_every": ("schedule", "step"),
    "decay_factor": ("schedule", "step"),
}
"""Numbers that mean something only beside another choice."""
NAMES = {"batch_size": "the batch size", "lr": "the learning rate (lr)"}
"""In words, where the field's own name is none."""


@dataclass(frozen=True)
class Recipe:
    """Everything about a training that is not the data, the architecture or the seed. 0 switches an option off.

    ``weights``: a file or a run to begin with (see ``start_from``), where the model shall not begin with random ones.
    The held-out part is ``test_fraction`` of every class, or all but ``train_per_class`` images of it; with neither,
    what whoever made the dataset set apart.

    Steps: ``optimizer`` with ``lr``, ``weight_decay`` and, of SGD, ``momentum``; its gradient that of ``accumulate``
    batches of ``batch_size``, limited to the norm ``clip_norm`` and each element to ``clip_value``.
    ``schedule``: "one-cycle", "cosine", "step" (times ``decay_factor`` every ``decay_every`` epochs) or "constant",
    after ``warmup`` epochs in which the rate rises to ``lr`` (see ``schedules``). ``ema``: the decay of an average of
    the weights, which is then what is evaluated and kept. ``sync_batch_norm``: where several processes train, batch
    normalisation takes its statistics from the batch of all of them. ``early_stopping``: epochs without a lower
    held-out loss after which the training ends.

    Targets: ``label_smoothing``; ``mixup``, the α of the distribution by which pairs of images are blended.
    Augmentation: ``shift`` whole pixels, or a ``crop`` from as many black ones around the image, ``degrees`` of
    rotation, ``scale`` as a share, ``brightness`` and ``contrast``, each up to that much either way, a ``cutout`` of a
    square, and left-right flips where ``flip`` says so, or with None the dataset, whether they keep the meaning;
    ``augment=False`` switches all of it off.

    Raises: ``ArgumentError`` for a value outside its domain.

    >>> from tinyconv.train import Recipe
    >>> Recipe(epochs=5).model
    'facenet'
    """

    model: str = "facenet"
    model_options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    epochs: int = 30
    batch_size: int = 32
    accumulate: int = 1
    optimizer: str = "adamw"
    lr: float = 3e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    schedule: str = "one-cycle"
    warmup: float = 0.0
    decay_every: int = 10
    decay_factor: float = 0.1
    clip_norm: float = 0.0
    clip_value: float = 0.0
    ema: float = 0.0
    early_stopping: int = 0
    sync_batch_norm: bool = False
    label_smoothing: float = 0.0
    mixup: float = 0.0
    test_fraction: float | None = 0.25
    train_per_class: int | None = None
    augment: bool = True
    flip: bool | None = None
    shift: int = 2
    crop: int = 0
    degrees: float = 5.0
    scale: float = 0.05
    brightness: float = 0.0
    contrast: float = 0.0
    cutout: int = 0

    def __post_init__(self) -> None:
        for name, (least, largest) in LIMITS.items():
            value = getattr(self, name)
            if not least <= value <= largest or value == math.inf or value == EXCLUDED.get(name):
                raise ArgumentError(f"{NAMES.get(name, name)} must be {_domain(name)}, got {value:g}")
        registry.defaults(self.model)  # raises for a model that does not exist
        for name, known in (("optimizer", tuple(OPTIMIZERS)), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise ArgumentError(f"there is no {name} {getattr(self, name)!r}; known: {', '.join(known)}")
        if self.warmup > self.epochs:
            raise ArgumentError(f"a warmup of {self.warmup:g} epochs is longer than the training of {self.epochs}")

    def changed(self, **choices: Any) -> Recipe:
        """This recipe with the user's ``choices``; those that are None leave it as it is.

        Raises ``ArgumentError`` for one outside its domain, or of another optimizer or schedule.
        """
        given = {name: value for name, value in choices.items() if value is not None}
        # The two ways to say how much is held out exclude each other: the user's replaces the recipe's.
        if "train_per_class" in given:
            given["test_fraction"] = None
        elif "test_fraction" in given:
            given["train_per_class"] = None
        if given.get("optimizer", self.optimizer) != self.optimizer:
            given = {**OPTIMIZERS.get(given["optimizer"], {}), **given}
        if given.get("model", self.model) != self.model:
            given = {"model_options": {}, **given}
        result = replace(self, **given)
        for name, (choice, value) in BELONGS.items():
            if name in given and getattr(result, choice) != value:
                raise ArgumentError(
                    f"{name} belongs to {choice} {value!r}, and this training has {getattr(result, choice)!r}; "
                    f"leave it out, or choose {value!r}"
                )
        return result

    def augmentation(self, mirror: bool, seed: int) -> Augmentation | None:
        """The augmentation of this recipe; ``mirror``: whether a left-right flip keeps an image's meaning."""
        transforms: list[Transform] = []
        if self.augment and (mirror if self.flip is None else self.flip):
            transforms.append(RandomHorizontalFlip())
        if self.augment and self.shift:
            transforms.append(RandomShift(self.shift))
        if self.augment and self.crop:
            transforms.append(RandomCrop(self.crop))
        if self.augment and (self.degrees or self.scale):
            transforms.append(RandomAffine(self.degrees, self.scale))
        if self.augment and (self.brightness or self.contrast):
            transforms.append(ColorJitter(self.brightness, self.contrast))
        if self.augment and self.cutout:
            transforms.append(Cutout(self.cutout))
        return Augmentation(transforms, seed) if transforms else None

    def choices(self) -> dict[str, Any]:
        """What ``changed`` has to be told to make this recipe from any other; nothing that does not matter in it."""
        idle = {name for name, (choice, value) in BELONGS.items() if getattr(self, choice) != value}
        return {name: value for name, value in asdict(self).items() if value is not None and name not in idle}

    def to_json(self) -> dict[str, Any]:
        """The options as JSON expresses them."""
        return asdict(self)


def _domain(name: str) -> str:
    """In words: "a positive number", "at least 1", "0 to below 1"."""
    least, largest = LIMITS[name]
    excluded = EXCLUDED.get(name)
    if largest == math.inf:
        return "a positive number" if excluded == 0 else f"at least {least:g}"
    return f"{'above ' * (excluded == least)}{least:g} to {'below ' * (excluded == largest)}{largest:g}"


# Five photographs a person are few: more epochs, more augmentation, and targets that are not pushed to certainty.
FEW_PER_PERSON = Recipe(
    epochs=60,
    batch_size=40,
    label_smoothing=0.1,
    test_fraction=None,
    train_per_class=5,
    shift=3,
    degrees=8.0,
    scale=0.1,
)
RECIPES = {
    # 25x25 pixels: three blocks leave maps of 3x3, a fourth would leave one pixel.
    "lfw-subset": Recipe(model_options={"widths": [32, 64, 128]}, label_smoothing=0.1, shift=2, degrees=8.0, scale=0.1),
    # A shift of one pixel is an eighth of such an image, and costs accuracy.
    "digits": Recipe(model_options={"dropout": 0.3}, epochs=40, shift=0, degrees=8.0, scale=0.1),
    "orl": FEW_PER_PERSON,
    "lfw": Recipe(label_smoothing=0.1, shift=3, degrees=8.0, scale=0.1),
    "olivetti": FEW_PER_PERSON,
    "mnist": Recipe(epochs=10, batch_size=64, shift=2, degrees=8.0, scale=0.1),
    "fashion-mnist": Recipe(epochs=20, batch_size=64, shift=2, degrees=0.0, scale=0.0),
    "cifar10": Recipe(epochs=30, batch_size=128, label_smoothing=0.1, shift=4, degrees=0.0, scale=0.0),
}
SHIFT_SHARE = 0.05
"""For images of unknown content: shifts up to this share of their shorter side."""


def recipe_for(data: ImageData) -> Recipe:
    """The recipe of a named dataset; for the user's own images a general one, with shifts in proportion to size.

    Raises: nothing of its own.

    >>> from tinyconv.data.images import ImageData
    >>> from tinyconv.train import recipe_for
    >>> images = np.zeros((4, 1, 8, 8), np.float32)
    >>> recipe_for(ImageData("mine", images, np.array([0, 1, 0, 1]), ("cat", "dog"), "", False)).optimizer
    'adamw'
    """
    known = RECIPES.get(data.name) or Recipe(shift=round(SHIFT_SHARE * min(data.image_size)))
    return known if data.held_out is None else replace(known, test_fraction=None, train_per_class=None)
