"""The option by which explanation methods are chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

ALL = "all"


def method_option(default: str) -> Callable[[Any], Any]:
    """``--method``: names, separated by commas; ``chosen_methods`` reads them."""
    return click.option(
        "--method",
        "methods",
        default=default,
        show_default=True,
        metavar="NAMES",
        help="Methods, separated by commas, or all; a name that does not exist gives the list.",
    )


def chosen_methods(text: str) -> list[str]:
    """The methods that ``--method`` names, each once, in the order given."""
    import difflib

    from tinyconv.explain import METHODS

    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if names == [ALL]:
        return list(METHODS)
    for name in names:
        if name not in METHODS:
            near = difflib.get_close_matches(name, METHODS, n=1)
            question = f"; did you mean {near[0]!r}?" if near else "."
            raise click.UsageError(
                f"--method: there is no method {name!r}{question} The methods are: all, {', '.join(METHODS)}",
                click.get_current_context(),
            )
    return names
