"""Feature maps from epoch to epoch: films of the recording, under one slider."""

from __future__ import annotations

from typing import Any

from tinyconv.features.layers import times
from tinyconv.features.web import controls, film
from tinyconv.features.web.page import captions, recording
from tinyconv.features.web.player import input_pictures
from tinyconv.features.web.trimming import Selection, select
from tinyconv.report.material import Material

SCALE = "shared"


def selected(material: Material, room: int) -> Selection | None:
    """What of the recording fits into ``room`` bytes of pictures; None without a recording."""
    features = material.features
    return None if features is None or features.images is None else select(features.arrays, SCALE, room)


def shown_epochs(material: Material, selection: Selection | None) -> list[int]:
    """The epochs of the slider."""
    if material.features is None or selection is None:
        return []
    epochs, _, _ = recording(material.features)
    return [epochs[frame] for frame in selection.frames]


def maps_values(material: Material, selection: Selection) -> dict[str, Any]:
    """What the template of the maps is filled with."""
    features = material.features
    if features is None or features.images is None:
        return {}
    _, layers, titles = recording(features)
    shown = shown_epochs(material, selection)
    image_size = (features.images.shape[2], features.images.shape[3])
    films = []
    for name, layer in layers.items():
        size = features.arrays[name].shape[3:]
        channels = features.meta.get("channels", {}).get(name, features.arrays[name].shape[2])
        films.append(
            {
                "name": name,
                "words": layer.describe(),
                "size": f"{channels} maps of {times(size)}" if len(size) == 2 else f"{channels} values",
                "sees": layer.sees("map pixel", image_size),
                "html": film(
                    layer,
                    selection.sprites[name],
                    shown,
                    map_size=size if len(size) == 2 else None,
                    image_size=image_size,
                    total_channels=channels,
                ),
            }
        )
    count = len(next(iter(selection.sprites.values())))
    return {
        "controls": controls(shown, captions(shown, material.history), titles[:count]),
        "pictures": input_pictures(features.images[:count], titles[:count]),
        "films": films,
        "epochs": shown,
        "left_out": selection.left_out,
    }
