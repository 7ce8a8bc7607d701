"""How good a search is: what it finds of what is there, and what it finds that is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyconv.core.errors import DataError, MissingFileError
from tinyconv.detection.boxes import Box

OVERLAP = 0.3
"""From here on a box counts as found: whoever marks a face draws its edges where taste has them."""
EDGES = 4


@dataclass(frozen=True)
class Judgement:
    """``found``: the boxes on something that is there; ``missed``: what no box is on; ``false``: the other boxes.

    Raises: nothing of its own.

    >>> from tinyconv.detection import Box, Judgement
    >>> len(Judgement(found=(), missed=(Box(0, 0, 10, 10),), false=()).missed)
    1
    """

    found: tuple[Box, ...]
    missed: tuple[Box, ...]
    false: tuple[Box, ...]


def judge(boxes: Sequence[Box], truth: Sequence[Box], overlap: float = OVERLAP) -> Judgement:
    """``boxes`` of a search against the ``truth``; each box, the surest first, takes one thing that it overlaps.

    ``overlap``: the least intersection over union. A second box on the same thing is false.

    Raises: nothing of its own.

    >>> from tinyconv.detection import Box, judge
    >>> judgement = judge([Box(0, 0, 10, 10, 0.9), Box(50, 0, 60, 10, 0.8)], truth=[Box(1, 1, 11, 11)])
    >>> len(judgement.found), len(judgement.missed), judgement.false[0].left
    (1, 0, 50)
    """
    missing = list(truth)
    found, false = [], []
    for box in sorted(boxes, key=lambda box: -box.probability):
        best = max(missing, key=box.overlap, default=None)
        if best is None or box.overlap(best) < overlap:
            false.append(box)
        else:
            found.append(box)
            missing.remove(best)
    return Judgement(tuple(found), tuple(missing), tuple(false))


def read_truth(path: str | Path) -> dict[str, list[Box]]:
    """What is where, from a JSON file: ``{"photo.jpg": [[left, top, right, bottom], ...], ...}``.

    Photographs have their names without folders.

    Raises: ``MissingFileError`` for a file that does not exist, ``DataError`` for one that says something else.

    >>> import pathlib
    >>> from tinyconv.detection import read_truth
    >>> _ = pathlib.Path("truth.json").write_text('{"one.jpg": [[75, 72, 175, 184]], "hills.jpg": []}')
    >>> read_truth("truth.json")["one.jpg"][0].width
    100
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist; give a JSON file that says what is where") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON file: {error}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    if not isinstance(content, dict):
        raise DataError(f'{path} must be an object {{"photo.jpg": [[left, top, right, bottom], ...]}}, not a list')
    return {name: [_box(path, name, edges) for edges in _listed(path, name, entry)] for name, entry in content.items()}


def _listed(path: str | Path, name: str, entry: object) -> list[object]:
    if not isinstance(entry, list):
        raise DataError(f"{path}: {name}: expected a list of boxes [left, top, right, bottom], got {entry!r:.60}")
    return entry


def _box(path: str | Path, name: str, edges: object) -> Box:
    numbers = edges if isinstance(edges, list) and len(edges) == EDGES else []
    if not numbers or not all(type(edge) in (int, float) for edge in numbers):
        raise DataError(f"{path}: {name}: expected a box [left, top, right, bottom], got {edges!r:.60}")
    box = Box(*numbers)
    if not (box.width > 0 and box.height > 0):
        raise DataError(f"{path}: {name}: the box {edges} is empty: right must exceed left, and bottom top")
    return box
