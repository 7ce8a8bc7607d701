"""The frame that grids and evolution strips share: head, input image, room for the maps, colour bar."""

from __future__ import annotations

from tinyconv.features.canvas import (
    GAP,
    LABEL_HEIGHT,
    MARGIN,
    MAX_BAR_HEIGHT,
    TEXT_SIZE,
    TITLE_SIZE,
    Page,
    bar_width,
    draw_bar,
    draw_not_finite_key,
    key_width,
    wrap,
)
from tinyconv.features.colours import Scale
from tinyconv.features.input_panel import InputPanel

MIN_WIDTH = 760
MIN_BAR_HEIGHT = 60
LEADING = 8


def sheet(
    title: str,
    details: list[str],
    panel: InputPanel | None,
    room: tuple[int, int],
    scale: Scale,
    has_not_finite: bool,
) -> tuple[Page, int, int]:
    """A page as large as it needs to be, everything drawn but the maps.

    ``room``: (height, width) in pixels for the maps, their first line of labels included. The colour bar of ``scale``
    stands at their right (none if no value differs from 0), and below it, if ``has_not_finite``, the key to the colour
    of NaN. Returns the page and x, y of the room's top left corner.
    """
    room_height, room_width = room
    bar_height = max(MIN_BAR_HEIGHT, min(room_height - LABEL_HEIGHT, MAX_BAR_HEIGHT)) if scale.limit > 0 else 0
    key_height = 2 * GAP + LABEL_HEIGHT if has_not_finite else 0
    left = MARGIN + (panel.width + 3 * GAP if panel else 0)
    bar_left = left + room_width + 3 * GAP
    width = max(MIN_WIDTH, bar_left + max(bar_width(scale), key_width()) + MARGIN)

    head = [(line, TITLE_SIZE) for line in wrap(title, width - 2 * MARGIN, TITLE_SIZE, bold=True)]
    for detail in details:
        head += [(line, TEXT_SIZE) for line in wrap(detail, width - 2 * MARGIN)]
    top = MARGIN + sum(size + LEADING for _, size in head) + GAP
    body = max(room_height, panel.height if panel else 0, LABEL_HEIGHT + bar_height + key_height + GAP)

    page = Page(width, top + body + MARGIN)
    y = MARGIN
    for text, size in head:
        page.text(MARGIN, y, text, size, bold=size == TITLE_SIZE)
        y += size + LEADING
    if panel:
        panel.draw(page, MARGIN, top)
    if bar_height:
        draw_bar(page, scale, bar_left, top + LABEL_HEIGHT, bar_height)
    if key_height:
        draw_not_finite_key(page, bar_left, top + LABEL_HEIGHT + bar_height + 2 * GAP)
    return page, left, top


def sentences(parts: list[list[str]]) -> list[str]:
    """Lines of a head: the non-empty parts of each joined by a dot, with a capital letter; empty lines left out."""
    lines = (" · ".join(filter(None, line)) for line in parts)
    return [line[0].upper() + line[1:] for line in lines if line]
