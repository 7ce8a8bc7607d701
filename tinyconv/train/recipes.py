"""How each dataset is trained unless the user says otherwise: the one place where such numbers stand.

All use AdamW under a one-cycle schedule (Smith & Topin, "Super-convergence", 2018): the learning rate rises to its
maximum over the first 30% of the steps and falls to almost nothing, so that the last epoch is the settled one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.data.images import ImageData
from tinyconv.data.transforms import Augmentation, RandomAffine, RandomHorizontalFlip, RandomShift, Transform
from tinyconv.models import registry

# The weight decay of AdamW is a share of lr; that of the others is an L2 penalty, which needs to be smaller.
OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {"lr": 3e-3, "weight_decay": 0.0},
    "adamw": {"lr": 3e-3, "weight_decay": 1e-2},
    "sgd": {"lr": 5e-2, "weight_decay": 5e-4},
}
"""The optimisers, and what suits each where neither recipe nor user says otherwise."""


@dataclass(frozen=True)
class Recipe:
    """Everything about a training that is not the data, the architecture or the seed.

    ``lr``: maximum of the one-cycle schedule. The held-out part is ``test_fraction`` of every class, or all but
    ``train_per_class`` images of it; with neither, what whoever made the dataset set apart. Augmentation: ``shift``
    whole pixels, ``degrees`` of rotation, ``scale`` as a share, each up to that much either way, and left-right flips
    where the dataset says that they keep the meaning; ``augment=False`` switches all of it off.

    Raises: ``ArgumentError`` for a value outside its domain.

    >>> from tinyconv.train import Recipe
    >>> Recipe(epochs=5).model
    'facenet'
    """

    model: str = "facenet"
    model_options: dict[str, Any] = field(default_factory=dict)
    epochs: int = 30
    batch_size: int = 32
    optimizer: str = "adamw"
    lr: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.0
    test_fraction: float | None = 0.25
    train_per_class: int | None = None
    augment: bool = True
    shift: int = 2
    degrees: float = 5.0
    scale: float = 0.05

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ArgumentError(f"epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ArgumentError(f"the batch size must be at least 1, got {self.batch_size}")
        if not 0 < self.lr < float("inf"):
            raise ArgumentError(f"the learning rate (lr) must be a positive number, got {self.lr:g}")
        registry.defaults(self.model)  # raises for a model that does not exist
        if self.optimizer not in OPTIMIZERS:
            raise ArgumentError(f"there is no optimizer {self.optimizer!r}; known: {', '.join(OPTIMIZERS)}")

    def changed(self, **choices: Any) -> Recipe:
        """This recipe with the user's ``choices``; those that are None leave it as it is."""
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
        return replace(self, **given)

    def augmentation(self, mirror: bool, seed: int) -> Augmentation | None:
        """The augmentation of this recipe; ``mirror``: whether a left-right flip keeps an image's meaning."""
        transforms: list[Transform] = []
        if self.augment and mirror:
            transforms.append(RandomHorizontalFlip())
        if self.augment and self.shift:
            transforms.append(RandomShift(self.shift))
        if self.augment and (self.degrees or self.scale):
            transforms.append(RandomAffine(self.degrees, self.scale))
        return Augmentation(transforms, seed) if transforms else None

    def to_json(self) -> dict[str, Any]:
        """The options as JSON expresses them."""
        return asdict(self)


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
