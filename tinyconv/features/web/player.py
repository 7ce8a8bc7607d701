"""The slider over the epochs: its controls, the films that follow it, the picture of the input beside them.

A page puts all of it into one element of class ``tc-player``; ``player.js`` finds that and brings it to life. Without a
script the page shows the last epoch. Every element with ``data-frame="3"`` inside the player gets the class ``tc-at``
while frame 3 is shown, and each change is told by an event ``tc-frame`` (``detail.frame``); clicking a map gives an
event ``tc-channel`` (``detail.layer``, ``detail.channel``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ShapeError
from tinyconv.features.colours import colour_table, format_number
from tinyconv.features.folders import file_name
from tinyconv.features.input_panel import image_pixels
from tinyconv.features.layers import Layer
from tinyconv.features.web.sprites import Sprite, png_data_uri

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

CELL, SMALL_CELL, MANY = 64, 48, 128
"""Sides of a map on the page, in CSS pixels: the smaller one for layers of more than ``MANY`` channels."""
INPUT_SIDE = 160
BAR_COLOURS = 32


def player_style() -> str:
    """The style sheet of films and controls; their colours are variables that follow the reader's light or dark mode.

    Raises: nothing of its own.

    >>> from tinyconv.features.web import player_style
    >>> ".tc-player" in player_style()
    True
    """
    return text_file("player.css")


def player_script() -> str:
    """The script that moves the films; it needs no other, and asks for nothing from the network.

    Raises: nothing of its own.

    >>> from tinyconv.features.web import player_script
    >>> "tc-frame" in player_script()
    True
    """
    return text_file("player.js")


def controls(epochs: Sequence[int], captions: Sequence[str] = (), images: Sequence[str] = ()) -> Markup:
    """HTML of the play button, the slider over ``epochs``, and a choice of images where there are several.

    ``captions``: what is said of each epoch, beside the slider; "epoch 5" by default.

    Raises: ``ShapeError`` unless there is a caption for each epoch.

    >>> from tinyconv.features.web import controls
    >>> "epoch 5" in controls([0, 1, 5])
    True
    """
    said = list(captions) or [epoch_words(epoch) for epoch in epochs]
    if len(said) != len(epochs) or not said:
        raise ShapeError(f"controls: {len(said)} captions for {len(epochs)} epochs; give one for each")
    return _filled("controls.html", epochs=list(epochs), captions=said, images=list(images))


def film(
    layer: Layer | str,
    sprites: Sequence[Sprite],
    epochs: Sequence[int],
    *,
    map_size: Pair | None = None,
    image_size: Pair | None = None,
    total_channels: int | None = None,
) -> Markup:
    """HTML of one layer's maps: a cell for every channel, at the epoch that the slider says.

    ``sprites``: of each image that can be chosen, all of one scale. ``map_size``: (height, width) of a map as it was
    computed, ``image_size`` that of the input: with both, pointing at a map pixel shows the patch that it sees.
    ``total_channels``: of the layer, where the sprites have only the first of them.

    Raises: ``ShapeError`` for sprites that differ in shape or have other epochs.

    >>> from tinyconv.features.web import film, sprite
    >>> maps = np.random.default_rng(0).random((3, 4, 6, 6))
    >>> film("conv1", [sprite(maps)], [0, 1, 5]).count("data-channel=")
    4
    """
    layer = Layer(layer) if isinstance(layer, str) else layer
    first = sprites[0]
    shapes = {(picture.frames, picture.rows, picture.columns, picture.tile) for picture in sprites}
    if len(shapes) != 1 or first.frames != len(epochs):
        raise ShapeError(f"film: sprites of {layer.name} have shapes {sorted(shapes)} for {len(epochs)} epochs")
    height, width = first.tile
    factor = max(1, round((SMALL_CELL if first.channels > MANY else CELL) / max(height, width)))
    last = first.frames - 1
    return _filled(
        "film.html",
        layer=layer,
        key=file_name(layer.name),
        sprites=sprites,
        first=first,
        facts=_film_facts(layer, sprites, epochs, map_size, image_size),
        cell=(height * factor, max(width * factor, 32)),
        cells=[
            {
                "channel": channel,
                "x": channel % first.columns,
                "y": channel // first.columns,
                "largest": format_number(float(first.largest[last, channel]), 2),
                "constant": bool(first.constant[last, channel]),
            }
            for channel in range(first.channels)
        ],
        last=last,
        scale=scale_words(first),
        bar=colour_bar(first.scale.signed),
        ends=scale_ends(first)[last],
        total=total_channels or first.channels,
    )


def input_pictures(images: FloatArray, titles: Sequence[str]) -> Markup:
    """HTML of the images (N, C, H, W) that the maps were computed from; the one that was chosen is shown, with the
    patch that a map pixel sees.
    """
    pictures = []
    for image, title in zip(images, titles, strict=True):
        pixels, remark = image_pixels(image)
        pictures.append({"uri": png_data_uri(pixels), "title": title, "remark": remark})
    height, width = images.shape[2:]
    side = INPUT_SIDE / max(height, width)
    return _filled("input.html", pictures=pictures, size=(round(height * side), round(width * side)))


def epoch_words(epoch: int) -> str:
    """As captions call an epoch."""
    return "epoch 0, before training" if epoch == 0 else f"epoch {epoch}"


def scale_words(picture: Sprite) -> str:
    """The colour scale of a film, in words."""
    colours = "White is 0, red above it, blue below." if picture.scale.signed else "Dark is 0, bright is large."
    over = {
        "shared": "One colour scale for all channels, images and epochs of this layer, so that growth is visible.",
        "channel": "One colour scale for each channel, the same at every epoch, so that faint channels are visible; "
        "brightness cannot be compared between channels.",
        "layer": "One colour scale for each epoch, so that faint beginnings are visible; brightness cannot be compared "
        "between epochs.",
    }[picture.scale.mode]
    return f"{colours} {over}"


def scale_ends(picture: Sprite) -> list[tuple[str, str]]:
    """What stands at both ends of the colour bar, for each epoch."""
    signed = picture.scale.signed
    if picture.scale.mode == "channel":
        return [("−own max" if signed else "0", "own max")] * picture.frames
    limits = [float(limit) for limit in picture.scale.limits.max(axis=1)]
    return [(format_number(-limit) if signed else "0", format_number(limit)) for limit in limits]


def colour_bar(signed: bool) -> str:
    """The colours of the scale as a CSS gradient from left to right."""
    table = colour_table(signed)
    chosen = table[np.linspace(0, len(table) - 1, BAR_COLOURS).round().astype(int)]
    return f"linear-gradient(90deg, {', '.join(f'rgb({red} {green} {blue})' for red, green, blue in chosen.tolist())})"


@lru_cache(maxsize=8)
def text_file(name: str) -> str:
    """The text of a file of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates of this folder; what they are filled with is escaped."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("tinyconv.features", "web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def as_json(facts: Any) -> Markup:
    """``facts`` for a script element: no sign in it can end that."""
    from markupsafe import Markup

    text = json.dumps(facts, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _filled(name: str, **values: Any) -> Markup:
    from markupsafe import Markup

    return Markup(templates().get_template(name).render(as_json=as_json, **values))  # noqa: S704 - it is escaped


def _film_facts(
    layer: Layer, sprites: Sequence[Sprite], epochs: Sequence[int], map_size: Pair | None, image_size: Pair | None
) -> dict[str, Any]:
    """What the script needs to know of a film."""
    field = layer.receptive_field
    known = field is not None and map_size is not None and image_size is not None
    return {
        "layer": layer.name,
        "epochs": list(epochs),
        "ends": scale_ends(sprites[0]),
        "map": map_size,
        "image": image_size,
        "field": {"size": field.size, "jump": field.jump, "start": field.start} if known and field else None,
        "images": [
            {
                "largest": [[format_number(float(value), 2) for value in frame] for frame in picture.largest],
                "constant": [np.flatnonzero(frame).tolist() for frame in picture.constant],
                "bad": [{int(c): int(frame[c]) for c in np.flatnonzero(frame)} for frame in picture.not_finite],
            }
            for picture in sprites
        ],
    }
