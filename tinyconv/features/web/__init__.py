"""Feature maps on a page: pictures that hold every epoch (sprites), and the slider that moves them (player).

``player.css`` and ``player.js`` are the slider's style and behaviour: plain text, for any page to include.
"""

from tinyconv.features.web.player import controls, film, player_script, player_style
from tinyconv.features.web.sprites import FilmScale, Sprite, film_scale, png_data_uri, sprite

__all__ = [
    "FilmScale",
    "Sprite",
    "controls",
    "film",
    "film_scale",
    "player_script",
    "player_style",
    "png_data_uri",
    "sprite",
]
