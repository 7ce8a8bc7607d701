"""What an explanation method answers: how much each pixel counted for one class's score, for or against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ShapeError


@dataclass(frozen=True)
class Attribution:
    """What the pixels of each image counted for the score of its target class.

    ``values``: (N, C, H, W), or (N, 1, H, W) from methods that know no colours. Positive is for the class, negative
    against it. ``targets``: (N,), the classes explained. ``scores``: (N,), the model's for them, before a softmax.
    ``options``: what the method was told. ``measures``: numbers of the method's own for each image, by name, such as a
    completeness gap. ``notes``: sentences that a reader of the maps must know.

    Raises: ``ShapeError`` unless there is one target and one score for each image's map.

    >>> from tinyconv.explain import Attribution
    >>> values = np.array([[[[1.0, -2.0]], [[0.5, 0.0]]]])
    >>> found = Attribution(values, "gradient", np.array([3]), np.array([7.5]))
    >>> found.heat().tolist(), found.magnitude().tolist()
    ([[[1.5, -2.0]]], [[[1.0, 2.0]]])
    """

    values: FloatArray
    method: str
    targets: Array
    scores: FloatArray
    options: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or {len(self.targets), len(self.scores)} != {len(self.values)}:
            raise ShapeError(
                f"Attribution: values {self.values.shape} must be (N, C, H, W), with one target and one score for "
                f"each of the N images; got {len(self.targets)} and {len(self.scores)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def heat(self) -> FloatArray:
        """(N, H, W): the sum over the channels. What a pixel counted as a whole, signed."""
        heat: FloatArray = self.values.sum(axis=1)
        return heat

    def magnitude(self) -> FloatArray:
        """(N, H, W): the largest magnitude over the channels, as Simonyan et al. (2014) draw gradients."""
        magnitude: FloatArray = np.abs(self.values).max(axis=1)
        return magnitude
