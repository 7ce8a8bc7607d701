"""Faces with names, and splits of them that hold out every fifth photograph of each person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = 5


@dataclass(frozen=True)
class Faces:
    """``images``: float32 (N, 1, H, W) in [0, 1]; ``labels``: int64 (N,), indices into ``people``."""

    images: Any
    labels: Any
    people: tuple[str, ...]

    def split(self, number: int) -> tuple[Any, Any]:
        """Indices to learn from and held out: of each person's photographs those that are ``number`` modulo 5."""
        place = np.empty(len(self.labels), np.int64)
        for label in range(len(self.people)):
            own = np.flatnonzero(self.labels == label)
            place[own] = np.arange(len(own))
        held_out = place % SPLITS == number
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def read(path: Path, at_least: int) -> Faces:
    """The people in the npz file ``path`` with a photograph numbered ``at_least`` or higher, in the alphabet's order.

    Its ``images`` are uint8 (N, H, W), its ``numbers`` those of the photographs within their person's in LFW, not all
    of which need be in the file, and its ``names`` the persons'.
    """
    with np.load(path) as file:
        images, names, numbers = file["images"], file["names"], file["numbers"]
    people = [name for name in np.unique(names) if numbers[names == name].max() >= at_least]
    chosen = np.isin(names, people)
    return Faces(
        images[chosen][:, None].astype(np.float32) / 255,
        np.searchsorted(people, names[chosen]).astype(np.int64),
        tuple(map(str, people)),
    )
