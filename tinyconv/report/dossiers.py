"""What every unit looks for: its kernel, what makes it answer, for whom, and how it became so.

A unit is one channel of a convolution, judged by what passes the ReLU behind it. Its anchor is "#conv3/17".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.projection import project
from tinyconv.features.colours import Scale, finite_limit, format_number
from tinyconv.features.folders import file_name
from tinyconv.features.layers import times
from tinyconv.features.web import Sprite
from tinyconv.report.dreams import Dreams
from tinyconv.report.encoding import coloured, photograph
from tinyconv.report.material import Material
from tinyconv.report.responses import Gallery, Responses

PATCHES, SLICES, BINS, CLASSES = 9, 16, 16, 10
BEYOND = 0.5
"""The grey of what lies outside the image, in patches at its margin."""


def unit_facts(
    material: Material,
    shown: Gallery,
    responses: Mapping[str, Responses],
    channels: Mapping[str, Sequence[int]],
    dreams: Mapping[str, Dreams],
) -> list[dict[str, Any]]:
    """Layer by layer: a dossier of each of its ``channels``, and the best patch of every unit."""
    layers = []
    for name, one in responses.items():
        means = one.by_class(shown.labels, len(material.run.classes))
        layers.append(
            {
                "name": name,
                "words": one.layer.describe(),
                "total": one.channels,
                "patch": _patch_words(one),
                "dossiers": [
                    _dossier(material, shown, one, channel, means, dreams.get(name)) for channel in channels[name]
                ],
                "index": [_entry(material, shown, one, channel, means) for channel in range(one.channels)],
            }
        )
    return layers


def units_shown(
    facts: Sequence[Mapping[str, Any]],
    channels: Mapping[str, Sequence[int]],
    films: Mapping[str, Sprite],
    epochs: Sequence[int],
    every_unit: bool,
) -> list[dict[str, Any]]:
    """Of ``unit_facts`` the dossiers of ``channels``, and with ``every_unit`` the best patches of all.

    ``films``: of the maps of the first image, whose pictures the dossiers show again; ``epochs``: their frames.
    """
    layers = []
    for layer in facts:
        name, chosen = layer["name"], set(channels[layer["name"]])
        layers.append(
            {
                **layer,
                "key": file_name(name),
                "dossiers": [
                    {**unit, "strip": _strip(films.get(name), unit["channel"], epochs)}
                    for unit in layer["dossiers"]
                    if unit["channel"] in chosen
                ],
                "index": [{**unit, "dossier": unit["channel"] in chosen} for unit in layer["index"] if every_unit],
            }
        )
    return layers


def _strip(sprite: Sprite | None, channel: int, epochs: Sequence[int]) -> dict[str, Any] | None:
    """Where the film of the maps has this channel, at every epoch: the dossier shows the same pictures again."""
    if sprite is None or channel >= sprite.channels:
        return None
    height, width = sprite.tile
    factor = max(1, round(56 / max(height, width)))
    return {
        "style": f"--w:{width * factor}px;--h:{height * factor}px;--columns:{sprite.columns};--rows:{sprite.rows};"
        f"--frames:{sprite.frames}",
        "x": channel % sprite.columns,
        "y": channel // sprite.columns,
        "epochs": list(epochs),
    }


def _dossier(
    material: Material, shown: Gallery, one: Responses, channel: int, means: FloatArray, dreams: Dreams | None
) -> dict[str, Any]:
    best = [int(image) for image in one.best(channel, PATCHES) if one.peaks[image, channel] > 0]
    projected = _projections(material, shown, one, channel, best)
    limit = finite_limit(projected) if len(best) else 0.0
    patches = []
    for place, image in enumerate(best):
        box = _box(one, one.places[image, channel], shown.pictures.shape[2:])
        patches.append(
            {
                "src": photograph(_cut(shown.pictures[image], box, BEYOND)),
                "projection": coloured(
                    _cut(projected[place].sum(axis=0), box, 0.0), Scale("layer", limit, signed=True)
                ),
                "label": material.run.classes[shown.labels[image]],
                "value": format_number(float(one.peaks[image, channel])),
            }
        )
    return {
        **_figures(material, one, channel, means),
        "kernel": _kernel(one.weight[channel]),
        "patches": patches,
        "limit": format_number(limit),
        "dream": None if dreams is None else dreams.of(channel),
        "classes": _selectivity(material, means[:, channel]),
        "histogram": _histogram(one.peaks[:, channel]),
    }


def _entry(material: Material, shown: Gallery, one: Responses, channel: int, means: FloatArray) -> dict[str, Any]:
    image = int(one.best(channel, 1)[0])
    box = _box(one, one.places[image, channel], shown.pictures.shape[2:])
    silent = one.peaks[image, channel] <= 0
    return {
        **_figures(material, one, channel, means),
        "src": "" if silent else photograph(_cut(shown.pictures[image], box, BEYOND)),
    }


def _figures(material: Material, one: Responses, channel: int, means: FloatArray) -> dict[str, Any]:
    """The unit in one sentence."""
    peaks = one.peaks[:, channel]
    if peaks.max() <= 0:
        words = "dead: it answers to none of these images"
        return {"channel": channel, "anchor": f"{one.layer.name}/{channel}", "words": words, "dead": True}
    row = means[:, channel]
    favourite = int(np.nanargmax(row))
    others = float(np.nanmean(np.delete(row, favourite))) if np.isfinite(np.delete(row, favourite)).any() else 0.0
    top = float(row[favourite])
    # Morcos et al. (2018): 0 for a unit that answers to all classes alike, 1 for one that answers to a single class.
    index = (top - others) / (top + others) if top + others > 0 else 0.0
    words = f"answers most to {material.run.classes[favourite]}" if index > 0.1 else "answers to all classes alike"
    active = 100 * (1 - float(one.silent[channel]))
    return {
        "channel": channel,
        "anchor": f"{one.layer.name}/{channel}",
        "words": f"{words} (selectivity {index:.2f}); active at {active:.0f}% of all places; "
        f"at most {format_number(float(peaks.max()))}",
        "dead": False,
    }


def _projections(material: Material, shown: Gallery, one: Responses, channel: int, best: Sequence[int]) -> FloatArray:
    if not best:
        return np.zeros((0, *shown.inputs.shape[1:]), np.float32)
    places = one.places[best, channel]
    return project(material.run.model, shown.inputs[best], one.response, channel, position=places)


def _box(one: Responses, place: Array, image_size: Sequence[int]) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) of what the unit at ``place`` sees, also where it reaches beyond the image."""
    height, width = int(image_size[0]), int(image_size[1])
    field = one.layer.receptive_field
    if field is None or field.size[0] >= height or field.size[1] >= width:
        return 0, 0, height, width
    low = [
        round(start - (size - 1) / 2 + int(at) * jump)
        for start, size, at, jump in zip(field.start, field.size, place, field.jump, strict=True)
    ]
    return low[0], low[1], low[0] + ceil(field.size[0]), low[1] + ceil(field.size[1])


def _cut(image: FloatArray, box: tuple[int, int, int, int], beyond: float) -> FloatArray:
    """The pixels of ``box`` of (..., H, W), with ``beyond`` where it reaches out of the image."""
    top, left, bottom, right = box
    height, width = image.shape[-2:]
    part = np.full((*image.shape[:-2], bottom - top, right - left), beyond, image.dtype)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    part[..., rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
        ..., rows, columns
    ]
    return part


def _kernel(weight: FloatArray) -> dict[str, Any]:
    """The slices (R, S) with the largest norms, on one scale."""
    norms = np.sqrt((weight.astype(np.float64) ** 2).sum(axis=(1, 2)))
    chosen = np.sort(np.argsort(-norms, kind="stable")[:SLICES])
    scale = Scale("layer", finite_limit(weight), signed=True)
    return {
        "slices": [{"input": int(c), "src": coloured(weight[c], scale)} for c in chosen],
        "total": len(weight),
        "limit": format_number(scale.limit),
        "size": times((weight.shape[1], weight.shape[2])),
    }


def _selectivity(material: Material, row: FloatArray) -> list[dict[str, Any]]:
    """The classes by how strongly the unit answers to their images, the strongest first."""
    known = [label for label in np.argsort(-np.nan_to_num(row, nan=-np.inf), kind="stable") if np.isfinite(row[label])]
    top = max(float(np.nanmax(row)), 1e-30)
    return [
        {
            "name": material.run.classes[label],
            "value": format_number(float(row[label])),
            "share": round(100 * max(0.0, float(row[label])) / top, 1),
        }
        for label in known[:CLASSES]
    ]


def _histogram(peaks: FloatArray) -> dict[str, Any]:
    """How many images make the unit answer how strongly, from 0 to its largest answer."""
    top = float(peaks.max())
    counts, _ = np.histogram(peaks, bins=BINS, range=(0.0, top if top > 0 else 1.0))
    most = max(int(counts.max()), 1)
    bars = [(place, round(40 * int(count) / most, 1), int(count)) for place, count in enumerate(counts)]
    return {"bars": bars, "top": format_number(top), "bins": BINS}


def _patch_words(one: Responses) -> str:
    field = one.layer.receptive_field
    return "" if field is None else f"{times(field.size)} pixels"
