"""What a search was begun with: enough to go on with it from its folder alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyconv.core.errors import RunError
from tinyconv.train.recipes import Recipe
from tinyconv.train.tuning.space import SearchSpace

FORMAT, FORMAT_VERSION = "tinyconv-tune", 1
TUNE_FILE = "tune.json"


@dataclass(frozen=True)
class Tuning:
    """What is searched: ``trials`` of ``recipe`` with parameters from ``space``, on the dataset ``spec``.

    ``options``: with what else the dataset is loaded (``sources.load``). ``validation_fraction``: the share of every
    class's training images by which trials are judged.

    Raises: ``RunError`` where a folder holds no search, or a damaged one.

    >>> from tinyconv.train import Recipe, SearchSpace, Tuning
    >>> recipe = Recipe(epochs=5)
    >>> tuning = Tuning("digits", {}, recipe, SearchSpace.around(recipe), trials=4)
    >>> Tuning.from_json(tuning.to_json()) == tuning
    True
    """

    spec: str
    options: dict[str, Any]
    recipe: Recipe
    space: SearchSpace
    trials: int
    seed: int = 0
    device: str = "cpu"
    precision: str = "fast"
    validation_fraction: float = 0.25

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON expresses them."""
        own = {name: getattr(self, name) for name in ("spec", "options", "trials", "seed", "device", "precision")}
        return {
            **json.loads(json.dumps(own)),
            "validation_fraction": self.validation_fraction,
            "recipe": self.recipe.to_json(),
            "space": json.loads(json.dumps(self.space.to_json())),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Tuning:
        """The inverse of ``to_json``."""
        recipe, space = Recipe(**record["recipe"]), SearchSpace.from_json(record["space"])
        return cls(**{**record, "recipe": recipe, "space": space})

    @classmethod
    def read(cls, folder: Path) -> Tuning:
        """The search that was begun in ``folder``. Raises ``RunError`` where there is none."""
        file = folder / TUNE_FILE
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            if record.get("format") != FORMAT:
                raise RunError(f"{file} is not the record of a search: its format is not {FORMAT!r}")
            if record.get("format_version") != FORMAT_VERSION:
                raise RunError(
                    f"{file} has format version {record.get('format_version')}, and this tinyconv reads "
                    f"{FORMAT_VERSION}; begin a new search"
                )
            return cls.from_json(record["settings"])
        except FileNotFoundError:
            raise RunError(f"{folder} is no folder of tinyconv tune: it has no {TUNE_FILE}") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{file} is damaged or cannot be read ({' '.join(str(error).split())})") from None
