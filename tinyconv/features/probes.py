"""The images whose feature maps are followed along a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ShapeError
from tinyconv.features.folders import file_name


@dataclass(frozen=True)
class Probes:
    """The images that are followed.

    ``inputs``: (P, C, H, W), as the model takes them. ``pictures``: the same as a reader knows them, in [0, 1].
    ``labels``: the class of each, in words. ``indices``: where they stand in the dataset.

    Raises: ``ShapeError`` unless there is one of each for every image.

    >>> from tinyconv.features import Probes
    >>> images = np.zeros((2, 1, 8, 8), np.float32)
    >>> Probes(images, images, ["cat", "dog"], [0, 7]).title(1)
    'probe 2 (dog)'
    """

    inputs: FloatArray
    pictures: FloatArray
    labels: Sequence[str]
    indices: Sequence[int]

    def __post_init__(self) -> None:
        counts = {len(self.inputs), len(self.pictures), len(self.labels), len(self.indices)}
        if self.inputs.ndim != 4 or self.pictures.ndim != 4 or counts != {len(self.inputs)} or not len(self.inputs):
            raise ShapeError(
                f"Probes: inputs {self.inputs.shape} and pictures {self.pictures.shape} must be (P, C, H, W) with at "
                f"least one image; labels ({len(self.labels)}) and indices ({len(self.indices)}) one entry for each"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def title(self, number: int) -> str:
        """For captions: "probe 2 (face)"."""
        return f"probe {number + 1} ({self.labels[number]})"

    def folder(self, number: int) -> str:
        """For file names: "probe-2-face"."""
        return f"probe-{number + 1}-{file_name(self.labels[number])}"


def choose_probes(labels: Sequence[int] | Array, count: int = 2) -> list[int]:
    """Positions of ``count`` images of as many classes as possible: the first of each class, then the second of each.

    The same for the same labels, whatever the seed, so that runs can be compared. Fewer where there are fewer images.

    Raises: nothing of its own.

    >>> from tinyconv.features import choose_probes
    >>> choose_probes([0, 0, 1, 1, 2], count=4)
    [0, 2, 4, 1]
    """
    found = np.asarray(labels)
    by_class = [np.flatnonzero(found == label) for label in np.unique(found)]
    rounds = max((len(positions) for positions in by_class), default=0)
    order = [int(positions[turn]) for turn in range(rounds) for positions in by_class if turn < len(positions)]
    return order[:count]
