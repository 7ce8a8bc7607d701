"""The drawing itself: boxes, arrows and frames as SVG, in the colours of a light or a dark page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.shapes import shapes_only
from tinyconv.models.drawing.blocks import Block, Frame, blocks_of, frames_of
from tinyconv.models.drawing.layout import Place, arranged
from tinyconv.models.tracing import trace
from tinyconv.nn.module import Module
from tinyconv.utils.files import write_atomically

LINE = 16
LETTERS = {"words": 7.7, "then": 6.9, "shape": 7.0, "small": 6.2, "title": 10.0}
"""Height of a line of text, and the mean width of a letter of each kind of line, in pixels."""

BETWEEN_ROWS, MARGIN, INNER = 30, 28, 12
FRAME = 14
"""How far a frame is from its boxes."""

WIDEST, NARROWEST = 34, 60
"""Letters in a line at most, and pixels in it at least."""

Box = tuple[float, float, float, float]
"""Middle x, top y, width, height."""

Lines = list[tuple[str, str]]
"""(kind, text) of each line of a box."""

STYLE = """
svg { --paper: #ffffff; --ink: #1f2430; --soft: #667085; --line: #98a2b3; --frame: #f4f5f8; --rim: #d9dde5;
  --conv: #dbe9ff; --pool: #d8f1e2; --linear: #ebe0ff; --joint: #ffe6cc; --other: #eceef2; --input: #ffffff; }
@media (prefers-color-scheme: dark) { svg { --paper: #14171f; --ink: #eceef4; --soft: #a3abbb; --line: #7b8599;
  --frame: #1c212c; --rim: #343c4c; --conv: #1f3f70; --pool: #1d4d36; --linear: #452f75; --joint: #6b4419;
  --other: #2a303d; --input: #14171f; } }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: var(--ink); }
.title { font-size: 17px; font-weight: 600; }
.words { font-weight: 600; }
.small { font-size: 11px; fill: var(--soft); }
.shape { font-size: 12px; }
.paper { fill: var(--paper); }
.frame { fill: var(--frame); stroke: var(--rim); }
.box { stroke: var(--line); }
.arrow { fill: none; stroke: var(--line); stroke-width: 1.5; }
.tip { fill: var(--line); }
"""
KINDS = ("conv", "pool", "linear", "joint", "other", "input")


def model_graph(model: Module, *inputs: TensorBase, title: str = "") -> str:
    """The graph of ``model`` on ``inputs``, as the text of an SVG file.

    The model runs once. Every box shows what it computes, its place in the model, and the shape of its result for one
    image; modules in which branches come together are framed. ``title``: by default the class of the model.

    Shape: inputs (N, C, H, W), or whatever the model takes.
    Dtype: the model's.
    Raises: ``ArgumentError`` for what is no module or no tensor, and whatever the model raises.

    >>> from tinyconv.models.drawing import model_graph
    >>> text = model_graph(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), tc.zeros(1, 1, 8, 8))
    >>> "conv 3×3" in text, "4×6×6" in text
    (True, True)
    """
    with shapes_only():  # what is drawn needs no numbers
        computation = trace(model, *inputs)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return drawn(blocks_of(computation), title or type(model).__name__, f"{parameters:,} parameters")


def save_model_graph(model: Module, path: str | Path, *inputs: TensorBase, title: str = "") -> None:
    """``model_graph`` as the file ``path``, which is replaced if it exists.

    Shape: inputs as ``model_graph`` takes them.
    Dtype: the model's.
    Raises: as ``model_graph``; ``RunError`` where the file cannot be written.

    >>> from tinyconv.models.drawing import save_model_graph
    >>> save_model_graph(nn.Sequential(nn.Linear(4, 2)), "model.svg", tc.zeros(1, 4))
    """
    write_atomically(path, model_graph(model, *inputs, title=title).encode())


def drawn(blocks: Sequence[Block], title: str, subtitle: str) -> str:
    """The boxes, and arrows between them, under a title."""
    frames = frames_of(list(blocks))
    lines = _labels(blocks, frames)
    rows = arranged(blocks, [_width(lines[block]) for block in blocks])
    boxes = _boxes(rows, frames, lines)
    head = 2 * LINE + MARGIN
    width = max(place.x + place.width / 2 for row in rows for place in row)
    width = max(width, LETTERS["title"] * len(title), LETTERS["small"] * len(subtitle)) + 2 * (MARGIN + FRAME)
    height = max(top + tall for _, top, _, tall in boxes.values()) + MARGIN + FRAME
    svg = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
    )
    _add(svg, "title", {}, f"{title}: {subtitle}")
    colours = "".join(f".{kind} {{ fill: var(--{kind}); }}\n" for kind in KINDS)
    _add(svg, "style", {}, STYLE + colours)
    _add(svg, "rect", {"class": "paper", "width": "100%", "height": "100%"})
    _add(svg, "text", {"class": "title", "x": f"{MARGIN}", "y": f"{head - LINE - 8}"}, title)
    _add(svg, "text", {"class": "small", "x": f"{MARGIN}", "y": f"{head - 8}"}, subtitle)
    for frame in frames:
        _draw_frame(svg, frame, boxes)
    for row in rows:
        for place in row:
            for end in place.below:
                _draw_arrow(svg, boxes[place], boxes[end], to_box=end.block is not None)
            if place.block is None:
                x, top, _, tall = boxes[place]
                _add(svg, "path", {"class": "arrow", "d": f"M{x:.1f} {top:.1f}v{tall:.1f}"})
    for row in rows:
        for place in row:
            if place.block is not None:
                _draw_box(svg, place.block, lines[place.block], boxes[place])
    return ET.tostring(svg, encoding="unicode") + "\n"


def _boxes(rows: Sequence[Sequence[Place]], frames: Sequence[Frame], lines: Mapping[Block, Lines]) -> dict[Place, Box]:
    """Where everything is; the rows of a frame's first boxes leave room for its name."""
    row_of = {place.block: place.row for row in rows for place in row if place.block is not None}
    first = {min(row_of[block] for block in frame.members) for frame in frames}
    last = {max(row_of[block] for block in frame.members) for frame in frames}
    found: dict[Place, Box] = {}
    y = 2.0 * LINE + MARGIN + 8
    for number, row in enumerate(rows):
        y += FRAME + LINE if number in first else 0
        tall = max(_height(lines[place.block]) for place in row if place.block is not None)
        for place in row:
            own = tall if place.block is None else _height(lines[place.block])
            found[place] = place.x + MARGIN + FRAME, y + (tall - own) / 2, place.width, own
        y += tall + BETWEEN_ROWS + (FRAME if number in last else 0)
    return found


def _labels(blocks: Sequence[Block], frames: Sequence[Frame]) -> dict[Block, Lines]:
    """The lines of every box; in a frame, names go on from the frame's."""
    inside = {block: frame.path for frame in sorted(frames, key=lambda one: len(one.path)) for block in frame.members}
    return {block: _lines(block, block.path.removeprefix(inside.get(block, "")).lstrip(".")) for block in blocks}


def _lines(block: Block, name: str) -> Lines:
    lines = [("words", block.words)]
    rest = ""
    for word in block.then:
        if rest and len(rest) + len(word) + 3 > WIDEST:
            lines.append(("then", rest + " ·"))
            rest = ""
        rest = f"{rest} · {word}" if rest else word
    if rest:
        lines.append(("then", rest))
    lines.append(("shape", "×".join(map(str, block.shape)) or "1"))
    if name:
        lines.append(("small", _short(name)))
    return lines


def _short(path: str) -> str:
    """The end of a long path."""
    return path if len(path) <= WIDEST else "…" + path[-WIDEST + 1 :]


def _width(lines: Lines) -> float:
    return max(NARROWEST, *(LETTERS[kind] * len(text) for kind, text in lines)) + 2 * INNER


def _height(lines: Lines) -> float:
    return LINE * len(lines) + INNER


def _draw_box(svg: ET.Element, block: Block, lines: Lines, box: Box) -> None:
    x, top, width, height = box
    group = _add(svg, "g", {})
    _add(group, "title", {}, _told(block))
    place = {"x": f"{x - width / 2:.1f}", "y": f"{top:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    _add(group, "rect", {"class": f"box {block.kind}", **place, "rx": "7"})
    for number, (kind, text) in enumerate(lines, start=1):
        y = top + INNER / 2 + LINE * number - 4
        _add(group, "text", {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": "middle"}, text)


def _told(block: Block) -> str:
    """What a pointer over the box is told."""
    parts = [block.path, block.words, *block.then, f"{block.parameters:,} parameters" if block.parameters else ""]
    return ", ".join(part for part in parts if part)


def _draw_arrow(svg: ET.Element, start: Box, end: Box, to_box: bool) -> None:
    x, y = start[0], start[1] + start[3]
    to_x, to_y = end[0], end[1] - (6 if to_box else 0)
    bend = (to_y - y) / 2
    path = f"M{x:.1f} {y:.1f}C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"
    _add(svg, "path", {"class": "arrow", "d": path})
    if to_box:
        _add(svg, "path", {"class": "tip", "d": f"M{to_x:.1f} {end[1]:.1f}l-4.5 -8h9z"})


def _draw_frame(svg: ET.Element, frame: Frame, boxes: dict[Place, Box]) -> None:
    rows = {place.row for place in boxes if place.block in frame.members}
    inside = [box for place, box in boxes.items() if _belongs(place, frame, rows)]
    left = min(x - width / 2 for x, _, width, _ in inside) - FRAME
    right = max(x + width / 2 for x, _, width, _ in inside) + FRAME
    top = min(y for _, y, _, _ in inside) - FRAME - LINE
    bottom = max(y + height for _, y, _, height in inside) + FRAME
    size = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{right - left:.1f}", "height": f"{bottom - top:.1f}"}
    _add(svg, "rect", {"class": "frame", **size, "rx": "10"})
    _add(svg, "text", {"class": "small", "x": f"{left + 10:.1f}", "y": f"{top + LINE:.1f}"}, _short(frame.path))


def _belongs(place: Place, frame: Frame, rows: set[int]) -> bool:
    """Whether a place is a box of the frame, or a point on the way to one, beside the frame's boxes."""
    if place.block is not None:
        return place.block in frame.members
    return place.row in rows and any(_belongs(end, frame, rows) for end in place.below)


def _add(parent: ET.Element, tag: str, attributes: dict[str, str], text: str = "") -> ET.Element:
    """A child; characters that no XML file may hold, which a name can have, are replaced."""
    element = ET.SubElement(parent, tag, attributes)
    element.text = "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text) or None
    return element
