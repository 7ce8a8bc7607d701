"""How strongly every unit answers to every held-out image, and where: what the dossiers of the units are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from glob import escape

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.dump import activations_of
from tinyconv.features.layers import Layer
from tinyconv.features.probes import choose_probes
from tinyconv.report.material import Material
from tinyconv.report.passes import Convolved

MOST_IMAGES, BATCH = 400, 32


@dataclass(frozen=True)
class Responses:
    """Of one layer's K channels to N images: the largest value ``peaks`` (N, K), its ``places`` (N, K, 2) in the map,
    and ``silent`` (K,): the share of all values that are not above 0.
    """

    layer: Layer
    response: str
    unrectified: str
    weight: FloatArray
    peaks: FloatArray
    places: Array
    silent: FloatArray

    @property
    def channels(self) -> int:
        return self.peaks.shape[1]

    def best(self, channel: int, count: int) -> Array:
        """The images that the channel answers to most, the strongest first; of equals the first."""
        return np.argsort(-self.peaks[:, channel], kind="stable")[:count]

    def by_class(self, labels: Array, classes: int) -> FloatArray:
        """(classes, K): the mean of the peaks over the images of each class; NaN where there are none."""
        means = np.full((classes, self.channels), np.nan)
        for label in np.unique(labels):
            means[label] = self.peaks[labels == label].mean(axis=0, dtype=np.float64)
        return means


@dataclass(frozen=True)
class Gallery:
    """The images that units are shown: ``pictures`` in [0, 1], ``inputs`` as the network takes them, ``labels``.

    ``kind``: "held-out" or "given"; nothing where they are the few that the report has.
    """

    pictures: FloatArray
    inputs: FloatArray
    labels: Array
    kind: str


def gallery(material: Material) -> Gallery:
    """Held-out images, as many of each class as possible; where they are gone, the few that the report has."""
    normalize = material.run.preprocessing.normalize
    if material.judged is None:
        return Gallery(material.pictures, material.inputs, np.array(material.targets()), kind="")
    chosen = np.sort(choose_probes(material.judged.labels, MOST_IMAGES))
    pictures = material.judged.images[chosen]
    return Gallery(pictures, normalize(pictures).astype(np.float32), material.judged.labels[chosen], kind=material.kind)


def responses_to(material: Material, convolutions: Sequence[Convolved], shown: Gallery) -> dict[str, Responses]:
    """Layer -> its units' responses to the images of the gallery."""
    names = {one.layer.name: one.response for one in convolutions}
    peaks: dict[str, list[FloatArray]] = {name: [] for name in names}
    places: dict[str, list[Array]] = {name: [] for name in names}
    silent: dict[str, list[FloatArray]] = {name: [] for name in names}
    for start in range(0, len(shown.inputs), BATCH):
        batch = shown.inputs[start : start + BATCH]
        caught = activations_of(material.run.model, batch, [escape(name) for name in names.values()])
        for name, response in names.items():
            maps = caught[response]
            flat = maps.reshape(*maps.shape[:2], -1)
            where = flat.argmax(axis=2)
            peaks[name].append(np.take_along_axis(flat, where[..., None], axis=2)[..., 0])
            places[name].append(np.stack(np.unravel_index(where, maps.shape[2:]), axis=-1))
            silent[name].append((flat <= 0).mean(axis=2))
    return {
        one.layer.name: Responses(
            one.layer,
            one.response,
            one.unrectified,
            one.weight,
            np.concatenate(peaks[one.layer.name]),
            np.concatenate(places[one.layer.name]),
            np.concatenate(silent[one.layer.name]).mean(axis=0),
        )
        for one in convolutions
    }
