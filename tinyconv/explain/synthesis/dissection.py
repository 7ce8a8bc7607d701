"""Network dissection: which channels detect a thing that somebody marked in the images.

Bau, Zhou, Khosla, Oliva and Torralba (2017, "Network dissection: quantifying interpretability of deep visual
representations", section 2). For channel k with activations a_k, and concept c with masks L_c:

    T_k       the activation that a share ``quantile`` of all units of the channel exceeds, over all images: 0.005
    M_k(x)    the pixels where the map, interpolated to the image's size, exceeds T_k
    IoU(k, c) = sum over images |M_k and L_c| / sum over images |M_k or L_c|

A channel whose IoU is above 0.04 is called a detector of the concept. Maps are interpolated bilinearly with each unit
at the centre of its receptive field, and continue as they end beyond the outermost centres.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, DataError, ShapeError
from tinyconv.explain.running import BATCH
from tinyconv.explain.synthesis.areas import interpolation, maps_of, thresholds_of
from tinyconv.explain.synthesis.maximization import dtype_of
from tinyconv.explain.synthesis.reading import look_at
from tinyconv.explain.synthesis.result import STANDARDISED, Bounds
from tinyconv.explain.synthesis.tiles import Sheet, Tile, colour_pixels, mosaic, within_bounds
from tinyconv.features.layers import Layer
from tinyconv.nn.module import Module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUANTILE, LEAST = 0.005, 0.04
SHOWN = 12
"""Detectors that a sheet shows."""
EXAMPLES = 4
DARKENED, EDGE = 0.45, (255, 140, 0)


@dataclass(frozen=True)
class Dissection:
    """How well each of C channels of ``layer`` covers each of K ``concepts``.

    ``overlaps``: (C, K) IoU. ``thresholds``: (C,) T. ``attainable``: (K,) the largest IoU that a channel which is on
    for a share ``quantile`` of the pixels at most can have: small where a concept covers much more than that.
    ``examples``: for each of ``shown``, the images where channel and concept meet most, with where the channel is on
    and where the concept is: (images, C, H, W), (images, H, W), (images, H, W).

    Raises: nothing of its own.

    >>> from tinyconv.explain.synthesis import dissect
    >>> images = np.zeros((10, 1, 8, 8), np.float32)
    >>> images[:, :, 2:4, 2:4] = 1
    >>> model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
    >>> with tc.no_grad():
    ...     _ = model[0].weight.fill_(1)
    >>> dissect(model, images, images > 0, ["square"], "conv1", quantile=0.1).detectors
    [(0, 0)]
    """

    layer: Layer
    concepts: tuple[str, ...]
    overlaps: FloatArray
    thresholds: FloatArray
    attainable: FloatArray
    quantile: float
    least: float
    images: int
    bounds: Bounds
    examples: tuple[tuple[FloatArray, Array, Array], ...]

    @property
    def detectors(self) -> list[tuple[int, int]]:
        """(channel, concept) of each channel whose best concept has an IoU above ``least``; the best first."""
        return _detectors(self.overlaps, self.least)

    @property
    def shown(self) -> list[tuple[int, int]]:
        """The best detectors; where there are none, each concept with the channel that covers it best."""
        return _shown(self.overlaps, self.least)

    def sheet(self) -> Sheet:
        """The best detectors: where each is on, and where its concept is."""
        tiles = []
        for (channel, concept), (images, on, marked) in zip(self.shown, self.examples, strict=True):
            pictures = within_bounds(images, self.bounds)
            name = self.concepts[concept]
            tiles += [
                Tile(
                    mosaic([_lit(picture, area) for picture, area in zip(pictures, on, strict=True)], columns=2),
                    [f"channel {channel}", f"{name}: IoU {self.overlaps[channel, concept]:.3f}"],
                ),
                Tile(
                    mosaic([_lit(picture, area) for picture, area in zip(pictures, marked, strict=True)], columns=2),
                    [f"marked: {name}", ""],
                ),
            ]
        count = len(self.detectors)
        shown = f" (the best {len(self.shown)} are shown)" if count > len(self.shown) else ""
        covered = len({concept for _, concept in self.detectors})
        details = [
            f"{count} of {len(self.overlaps)} channels of {self.layer.name} ({self.layer.describe()}) are detectors, "
            f"for {covered} of {len(self.concepts)} marked things{shown}.",
            f"Left: lit where the channel is among its strongest {100 * self.quantile:g}% over {self.images} images; "
            f"right: where the thing was marked. Detector: IoU above {self.least:g}.",
        ]
        reach = ", ".join(f"{name} {most:.3f}" for name, most in zip(self.concepts, self.attainable, strict=True))
        notes = [f"Largest IoU that such a share of the pixels can have with what was marked: {reach}."]
        if not count:
            notes.append("There is no detector: shown is the best channel for each thing.")
        title = f"What the channels of {self.layer.name} detect"
        return Sheet(title, details, tiles, columns=6, group=2, notes=notes)

    def figure(self) -> Figure:
        """The sheet as a matplotlib figure."""
        return self.sheet().figure()

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self.sheet().png()).decode()
        return f'<img alt="detectors among the channels of {self.layer.name}" src="data:image/png;base64,{picture}">'


def dissect(
    model: Module,
    images: Array,
    masks: Array,
    concepts: Sequence[str],
    layer: str,
    *,
    quantile: float = QUANTILE,
    least: float = LEAST,
    bounds: Bounds = STANDARDISED,
) -> Dissection:
    """Which channels of ``layer`` answer where one of ``concepts`` was marked.

    ``images``: (N, C, H, W), as the model takes them. ``masks``: bool (N, K, H, W), where each of the K ``concepts``
    is. ``quantile``: the share of its units for which a channel counts as on. ``least``: the IoU of a detector.

    Shape: images (N, C, H, W), masks (N, K, H, W).
    Dtype: images in that of the model's parameters; masks bool, or numbers that are 0 where the concept is not.
    Raises: ``ArgumentError`` for a layer that does not exist, or numbers outside their domain; ``ShapeError``;
        ``DataError`` where a concept is marked nowhere.
    Source: Bau et al., 2017, "Network dissection", section 2.

    >>> from tinyconv.explain.synthesis import dissect
    >>> images = np.random.default_rng(0).random((4, 1, 6, 6)).astype(np.float32)
    >>> dissect(nn.Sequential(nn.Conv2d(1, 3, 3)), images, images > 0.9, ["bright"], "conv1").overlaps.shape
    (3, 1)
    """
    marked = _checked(images, masks, concepts)
    if not 0 < quantile < 1 or not 0 <= least < 1:
        raise ArgumentError(f"dissect: 0 < quantile < 1 and 0 <= least < 1, got {quantile} and {least}")
    dtype = dtype_of(model)
    found, size = look_at(model, layer, images.shape[1:], dtype)
    if len(size) != 3:
        raise ArgumentError(
            f"dissect: {layer} has no maps, only {size[0]} values for an image: choose a layer before it"
        )
    thresholds = thresholds_of(model, images, layer, quantile)
    height, width = images.shape[2:]
    field = found.receptive_field
    rows = interpolation(size[1], height, field, 0)
    columns = interpolation(size[2], width, field, 1)

    def areas(part: slice | Array) -> Array:
        """(n, C, H, W) where each channel is on."""
        ((_, maps),) = maps_of(model, images[part], layer)
        return rows @ maps @ columns.T > thresholds[:, None, None]

    common, on = [], np.zeros(size[0])
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        lit, there = (array.reshape(*array.shape[:2], -1).astype(np.float32) for array in (areas(part), marked[part]))
        common.append(lit @ there.transpose(0, 2, 1))  # pixels that channel and concept share, (n, C, K)
        on += lit.sum(axis=(0, 2))
    by_image = np.concatenate(common)
    both, there = by_image.sum(axis=0, dtype=np.float64), marked.sum(axis=(0, 2, 3)).astype(np.float64)
    overlaps = both / (on[:, None] + there - both)
    share = there / (len(images) * height * width)
    examples = []
    for channel, concept in _shown(overlaps, least):
        best = np.argsort(-by_image[:, channel, concept], kind="stable")[:EXAMPLES]
        examples.append((np.asarray(images[best], dtype), areas(best)[:, channel], marked[best, concept]))
    return Dissection(
        layer=found,
        concepts=tuple(concepts),
        overlaps=overlaps,
        thresholds=thresholds,
        attainable=np.minimum(1, quantile / share),
        quantile=quantile,
        least=least,
        images=len(images),
        bounds=bounds,
        examples=tuple(examples),
    )


def _detectors(overlaps: FloatArray, least: float) -> list[tuple[int, int]]:
    best = overlaps.argmax(axis=1)
    order = np.argsort(-overlaps.max(axis=1), kind="stable")
    return [(int(channel), int(best[channel])) for channel in order if overlaps[channel, best[channel]] > least]


def _shown(overlaps: FloatArray, least: float) -> list[tuple[int, int]]:
    best = overlaps.argmax(axis=0)
    return _detectors(overlaps, least)[:SHOWN] or [(int(best[number]), number) for number in range(len(best))][:SHOWN]


def _checked(images: Array, masks: Array, concepts: Sequence[str]) -> Array:
    if np.ndim(images) != 4 or not len(images):
        raise ShapeError(f"dissect: images must be (N, C, H, W), at least one, got {np.shape(images)}")
    wanted = (len(images), len(concepts), *images.shape[2:])
    if np.shape(masks) != wanted or not concepts:
        raise ShapeError(
            f"dissect: masks must be (images, concepts, height, width), {wanted} for these images and "
            f"{len(concepts)} concepts, got {np.shape(masks)}"
        )
    marked = np.asarray(masks) != 0
    nowhere = [name for name, seen in zip(concepts, marked.any(axis=(0, 2, 3)), strict=True) if not seen]
    if nowhere:
        raise DataError(f"dissect: {nowhere[0]!r} is marked in no image; leave it out")
    return marked


def _lit(picture: FloatArray, area: Array) -> Array:
    """(H, W, 3) uint8: the picture, darkened outside ``area``, which gets an orange edge."""
    pixels = colour_pixels(picture).astype(np.float64)
    inside = np.pad(area, 1)
    inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    pixels[~area] *= DARKENED
    pixels[area & ~inner] = EDGE
    return np.rint(pixels).astype(np.uint8)
