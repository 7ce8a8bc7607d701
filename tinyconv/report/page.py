"""The page around the sections: one HTML file that needs nothing else, and that nothing in it can make load or run.

A policy in its head forbids every request, and every script but the page's own, which it names by their digests. So
even if a name from the data were not escaped (the templates escape all of them), it could not run.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.features.colours import colour_table
from tinyconv.features.web import player_script, player_style
from tinyconv.report.encoding import png

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

STYLES = ("base", "overview", "architecture", "maps", "arithmetic", "explanations", "units", "health", "made")
SCRIPTS = ("drawing", "numbers", "arithmetic", "explanations", "page")


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its name in the bar at the top, its title, and its HTML."""

    id: str
    short: str
    title: str
    html: Markup


def section(id: str, short: str, title: str, **values: Any) -> Section:
    """The section of template ``sections/ID.html``, filled with ``values``, which are escaped."""
    from markupsafe import Markup

    text = environment().get_template(f"sections/{id}.html").render(**values)
    return Section(id, short, title, Markup(text))  # noqa: S704 - the template has escaped what it was filled with


def page(sections: list[Section], **values: Any) -> str:
    """The whole file. ``values``: what stands at its head."""
    own = [environment().get_template(f"style/{name}.css").render() for name in STYLES]
    style = "\n".join([player_style(), *own])
    script = "\n".join(["'use strict';", *(_text(f"script/{name}.js") for name in SCRIPTS)])
    player = player_script()
    return (
        environment()
        .get_template("page.html")
        .render(
            sections=sections,
            style=style,
            script=script,
            player=player,
            script_hashes=[_digest(text) for text in (player, script)],
            colour_tables={
                name: base64.b64encode(colour_table(name == "signed").tobytes()).decode()
                for name in ("signed", "unsigned")
            },
            icon=_icon(),
            **values,
        )
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of this package; everything that they are filled with is escaped."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("tinyconv.report", "web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}
    return made


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("web").joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    """What the policy calls a script by."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def _icon() -> str:
    """A 3x3 kernel: without an icon of its own, a browser would ask for one."""
    kernel = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], np.float64)
    levels = np.rint((kernel / 2 + 1) / 2 * 255).astype(np.uint8).repeat(5, axis=0).repeat(5, axis=1)
    return png(levels, colour_table(signed=True))
