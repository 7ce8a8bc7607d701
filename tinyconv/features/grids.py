"""A layer's feature maps as one picture: the input at the left, every channel in a grid, the scale at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isqrt
from pathlib import Path

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features.canvas import (
    GAP,
    INK,
    LABEL_HEIGHT,
    LABEL_SIZE,
    VALUE_HEIGHT,
    Page,
    cell_note,
    constant_label,
    draw_map,
    draw_value,
    shrink,
    text_width,
    write_png,
)
from tinyconv.features.colours import (
    STANDARD,
    STANDARD_SPAN,
    Pixels,
    Scale,
    count_not_finite,
    format_number,
    is_constant,
    scale_of,
    scale_of_channel,
    standardised,
)
from tinyconv.features.grid_captions import MAX_CHANNELS, grid_details, grid_title
from tinyconv.features.input_panel import InputPanel
from tinyconv.features.layers import Layer
from tinyconv.features.sheet import sheet

MAX_COLUMNS = 16
GRID_WIDTH = 1200
MIN_CELL, MAX_CELL = 72, 224
MIN_SHRUNK = 112
"""Maps are not averaged to fewer pixels than this, even if the grid gets wider than usual."""


@dataclass(frozen=True)
class GridArrangement:
    """How the maps of one layer are laid out: ``columns`` of cells of ``cell`` (height, width) pixels.

    Each map is first averaged over ``shrink`` x ``shrink`` blocks (1: not at all), then enlarged ``enlarge`` times.
    """

    columns: int
    rows: int
    shrink: int
    enlarge: int
    cell: tuple[int, int]

    @property
    def width(self) -> int:
        return self.columns * (self.cell[1] + GAP) - GAP

    @property
    def height(self) -> int:
        return self.rows * (LABEL_HEIGHT + self.cell[0] + GAP) - GAP


def columns_for(count: int) -> int:
    """A near-square grid without a ragged last row where possible: 32 maps are 8 x 4, 7 are 3 x 3, at most 16 wide."""
    root = isqrt(count - 1) + 1 if count > 1 else 1
    exact = [columns for columns in range(root, min(2 * root, MAX_COLUMNS + 1)) if count % columns == 0]
    return exact[0] if exact else min(root, MAX_COLUMNS)


def arrange(count: int, height: int, width: int) -> GridArrangement:
    """The layout of ``count`` maps of height x width: as large as fits, by whole factors, so that pixels stay crisp."""
    columns = columns_for(count)
    room = max(MIN_CELL, min(MAX_CELL, floor(GRID_WIDTH / columns) - GAP))
    longest = max(height, width)
    # A map of one pixel carries its value as text: a low cell is enough.
    room = MIN_CELL if longest == 1 else room
    shrink_by = ceil(longest / max(room, MIN_SHRUNK))
    enlarge_by = max(1, room // ceil(longest / shrink_by))
    cell = (ceil(height / shrink_by) * enlarge_by, max(MIN_CELL, ceil(width / shrink_by) * enlarge_by))
    if longest == 1:
        cell = (VALUE_HEIGHT, MIN_CELL)
    return GridArrangement(columns, ceil(count / columns), shrink_by, enlarge_by, cell)


def feature_grid(
    maps: FloatArray,
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    epoch: int | None = None,
    subject: str = "",
    channels: Sequence[int] | None = None,
    total_channels: int | None = None,
    scale: str | Scale = "layer",
) -> Pixels:
    """The picture of one layer's maps for one image: (height, width, 3) uint8, equal for equal arguments.

    ``maps``: (C, H, W), or (C,) for a layer without spatial extent. ``layer``: where they come from (a name alone will
    do). ``image``: the (C, H, W) input, drawn beside them with the receptive field of the central map pixel. ``epoch``
    and ``subject`` ("probe 2 (face)") stand in the head. ``channels``: the numbers of the maps where they are a
    selection of ``total_channels``. ``scale``: "channel" or "layer", or a ``Scale`` that several pictures share
    (``scale_of(all_maps, "shared")``); or "standard": each map minus its mean, over its standard deviation.

    Constant channels are hatched and labelled with their value; NaN and infinite values are magenta, and counted. At
    most 256 channels are drawn, and the head says so. Maps too large for a cell are averaged over blocks first.

    Raises: ``ShapeError`` for arrays of other dimensions; ``ArgumentError`` for scales and channels that do not exist.

    >>> from tinyconv.features import feature_grid
    >>> feature_grid(np.random.default_rng(0).random((4, 6, 6)), "conv1").shape[2]
    3
    """
    pixels, _ = draw_grid(
        maps,
        layer,
        image=image,
        epoch=epoch,
        subject=subject,
        channels=channels,
        total_channels=total_channels,
        scale=scale,
    )
    return pixels


def draw_grid(
    maps: FloatArray,
    layer: Layer | str,
    *,
    image: FloatArray | None,
    epoch: int | None,
    subject: str,
    channels: Sequence[int] | None,
    total_channels: int | None,
    scale: str | Scale,
) -> tuple[Pixels, int]:
    """The picture of ``feature_grid``, and how many of its rows of pixels are the head, above input and maps."""
    layer = Layer(layer) if isinstance(layer, str) else layer
    maps = _as_maps(maps, layer)
    numbers = list(range(len(maps))) if channels is None else [int(number) for number in channels]
    if len(numbers) != len(maps):
        raise ArgumentError(f"feature_grid: {len(maps)} maps of {layer.name} but {len(numbers)} channel numbers")
    total = total_channels if total_channels is not None else max(len(maps), max(numbers) + 1)
    if scale == STANDARD:
        common = Scale(STANDARD, STANDARD_SPAN, signed=True)
    else:
        common = scale_of(maps, scale) if isinstance(scale, str) else scale
    if maps[0].size == 1 and common.mode in ("channel", STANDARD):
        common = scale_of(maps, "layer")  # a single value on its own scale would always have the strongest colour
    shown = maps[:MAX_CHANNELS]

    grid = arrange(len(shown), *shown.shape[1:])
    panel = InputPanel(image, layer.receptive_field, (shown.shape[1], shown.shape[2])) if image is not None else None
    page, left, top = sheet(
        grid_title(layer, maps, total),
        grid_details(layer, maps, grid.shrink, common, epoch, subject, panel),
        panel,
        (grid.height, grid.width),
        common,
        count_not_finite(shown) > 0,
    )
    _draw_cells(page, shown, numbers, common, grid, left, top)
    return page.pixels(), top


def save_feature_grid(
    path: Path | str,
    maps: FloatArray,
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    epoch: int | None = None,
    subject: str = "",
    channels: Sequence[int] | None = None,
    total_channels: int | None = None,
    scale: str | Scale = "layer",
) -> Path:
    """Write the picture of ``feature_grid`` (see there for the arguments) as a PNG file. Returns its path.

    Raises: as ``feature_grid``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.features import save_feature_grid
    >>> save_feature_grid("conv1.png", np.random.default_rng(0).random((4, 6, 6)), "conv1").name
    'conv1.png'
    """
    picture = feature_grid(
        maps,
        layer,
        image=image,
        epoch=epoch,
        subject=subject,
        channels=channels,
        total_channels=total_channels,
        scale=scale,
    )
    return write_png(Path(path), picture)


def _as_maps(maps: FloatArray, layer: Layer) -> FloatArray:
    if maps.ndim == 1:
        maps = maps[:, None, None]
    if maps.ndim != 3 or 0 in maps.shape:
        raise ShapeError(
            f"feature_grid: {layer.name} has an array of shape {maps.shape}; one image's maps are (channels, height, "
            "width) or (features,), so take one image of a batch first: maps[0]"
        )
    return maps


def _draw_cells(
    page: Page, maps: FloatArray, numbers: list[int], common: Scale, grid: GridArrangement, left: int, top: int
) -> None:
    cell_height, cell_width = grid.cell
    reduced = shrink(standardised(maps) if common.mode == STANDARD else maps, grid.shrink)
    for position, (number, values, drawn) in enumerate(zip(numbers, maps, reduced, strict=False)):
        row, column = divmod(position, grid.columns)
        x = left + column * (cell_width + GAP)
        y = top + row * (LABEL_HEIGHT + cell_height + GAP)
        own = scale_of_channel(common, values)
        page.text(x, y + LABEL_HEIGHT - 4, str(number), LABEL_SIZE, bold=True, anchor="ls")
        if values.size == 1:
            draw_value(page, float(values.flat[0]), common, x, y + LABEL_HEIGHT, cell_width, cell_height)
            continue
        room = cell_width - text_width(str(number), LABEL_SIZE, bold=True) - 4
        constant = float(values.flat[0]) if is_constant(values) else None
        if constant is None:
            note, colour = cell_note(values, own, room)
        else:  # stands in the map itself, where that is large enough for text
            fits = constant_label(constant, drawn.shape[0] * grid.enlarge, drawn.shape[1] * grid.enlarge)
            note, colour = "" if fits else f"constant {format_number(constant)}", INK
        page.text(x + cell_width, y + LABEL_HEIGHT - 4, note, LABEL_SIZE, colour=colour, anchor="rs")
        offset = (cell_width - drawn.shape[1] * grid.enlarge) // 2
        draw_map(page, drawn, own, x + offset, y + LABEL_HEIGHT, grid.enlarge, constant)
