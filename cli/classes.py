"""The classes of a run, as the command line names them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

LISTED = 20
"""Classes that a message names."""


def class_number(option: str, classes: Sequence[str], name: str) -> int:
    """The number of the class called ``name``; of no class's name, but a number, the class of that number.

    Raises ``ArgumentError``, which says what ``option`` could have been.
    """
    from tinyconv.core.errors import ArgumentError

    if name in classes:
        return list(classes).index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    near = difflib.get_close_matches(name, classes, n=1)
    question = f"; did you mean {near[0]!r}?" if near else "."
    more = f" and {len(classes) - LISTED} more" if len(classes) > LISTED else ""
    raise ArgumentError(
        f"{option}: there is no class {name!r}{question} The classes are: {', '.join(classes[:LISTED])}{more}"
    )
