"""How one layer's maps of one image changed along the training: channels as rows, epochs as columns."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features.canvas import (
    GAP,
    LABEL_HEIGHT,
    LABEL_SIZE,
    VALUE_HEIGHT,
    Page,
    draw_map,
    draw_value,
    shrink,
    text_width,
    write_png,
)
from tinyconv.features.channels import check_channels
from tinyconv.features.colours import (
    SCALE_MODES,
    Pixels,
    Scale,
    count_not_finite,
    finite_limit,
    format_number,
    is_constant,
    scale_of,
)
from tinyconv.features.input_panel import InputPanel
from tinyconv.features.layers import Layer
from tinyconv.features.sheet import sentences, sheet

DEFAULT_ROWS = 12
STRIP_WIDTH = 1000
MIN_CELL, MAX_CELL = 64, 112


def most_changed(maps: FloatArray, count: int) -> list[int]:
    """The ``count`` channels of (epochs, C, H, W) that differ most between first and last epoch, in order of number.

    The difference is a root mean square over the map. Of equals the lower number goes first; a channel with NaN or
    infinite values counts as changed most, for it must be seen.
    """
    first, last = np.nan_to_num(maps[0].astype(np.float64)), np.nan_to_num(maps[-1].astype(np.float64))
    with np.errstate(over="ignore"):
        change = ((last - first) ** 2).mean(axis=(1, 2))
    change[~np.isfinite(maps).all(axis=(0, 2, 3))] = np.inf
    return sorted(int(channel) for channel in np.argsort(-change, kind="stable")[:count])


def evolution_strip(
    maps: FloatArray,
    epochs: Sequence[int],
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    subject: str = "",
    channels: Sequence[int] | None = None,
    total_channels: int | None = None,
    scale: str = "shared",
) -> Pixels:
    """The picture of one layer's maps of one image over the epochs: (height, width, 3) uint8.

    ``maps``: (epochs, C, H, W), or (epochs, C). ``channels``: which to draw; by default the 12 that change most from
    the first epoch to the last. ``total_channels``: of the layer, where ``maps`` are only the first of them. ``scale``:
    "shared" (each channel has one scale for all its epochs, so that growth is visible), "layer" (one for the whole
    picture) or "channel" (each map its own, so that faint beginnings show). ``image`` and ``subject`` as in
    ``feature_grid``.

    Raises: ``ShapeError``, and ``ArgumentError`` or ``DimensionError`` for scales or channels that do not exist.

    >>> from tinyconv.features import evolution_strip
    >>> evolution_strip(np.random.default_rng(0).random((3, 4, 6, 6)), [0, 1, 2], "conv1").dtype
    dtype('uint8')
    """
    layer = Layer(layer) if isinstance(layer, str) else layer
    maps = maps[:, :, None, None] if maps.ndim == 2 else maps
    if maps.ndim != 4 or 0 in maps.shape or len(maps) != len(epochs):
        raise ShapeError(
            f"evolution_strip: {layer.name} has maps of shape {maps.shape} for {len(epochs)} epochs; they must be "
            "(epochs, channels, height, width) for one image"
        )
    if scale not in SCALE_MODES:
        raise ArgumentError(f"scale {scale!r} does not exist: choose one of {', '.join(SCALE_MODES)}")
    rows = most_changed(maps, DEFAULT_ROWS) if channels is None else check_channels(channels, maps.shape[1], layer.name)
    strip = _Strip(maps[:, rows], epochs, rows, scale)
    panel = InputPanel(image, layer.receptive_field, strip.map_size) if image is not None else None
    total = maps.shape[1] if total_channels is None else total_channels
    page, left, top = sheet(
        f"{layer.name}: evolution from epoch {epochs[0]} to {epochs[-1]}",
        _details(layer, strip, total, channels is None, subject, panel),
        panel,
        strip.room,
        strip.key,
        count_not_finite(strip.maps) > 0,
    )
    strip.draw(page, left, top)
    return page.pixels()


def save_evolution_strip(
    path: Path | str,
    maps: FloatArray,
    epochs: Sequence[int],
    layer: Layer | str,
    *,
    image: FloatArray | None = None,
    subject: str = "",
    channels: Sequence[int] | None = None,
    total_channels: int | None = None,
    scale: str = "shared",
) -> Path:
    """Write the picture of ``evolution_strip`` (see there for the arguments) as a PNG file. Returns its path.

    Raises: as ``evolution_strip``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.features import save_evolution_strip
    >>> save_evolution_strip("conv1.png", np.random.default_rng(0).random((3, 4, 6, 6)), [0, 1, 2], "conv1").name
    'conv1.png'
    """
    picture = evolution_strip(
        maps,
        epochs,
        layer,
        image=image,
        subject=subject,
        channels=channels,
        total_channels=total_channels,
        scale=scale,
    )
    return write_png(Path(path), picture)


class _Strip:
    """The maps (epochs, rows, H, W) with the labels around them; ``channels`` are the rows' numbers."""

    def __init__(self, maps: FloatArray, epochs: Sequence[int], channels: Sequence[int], mode: str) -> None:
        self.maps, self.epochs, self.channels, self.mode = maps, epochs, channels, mode
        self.whole = scale_of(maps, "layer")
        self.map_size = height, width = (maps.shape[2], maps.shape[3])
        longest = max(height, width)
        cell = max(MIN_CELL, min(MAX_CELL, STRIP_WIDTH // len(epochs) - GAP))
        self.reduction = ceil(longest / MAX_CELL)
        self.factor = max(1, cell // ceil(longest / self.reduction))
        self.cell_height = max(ceil(height / self.reduction) * self.factor, LABEL_HEIGHT)
        self.cell_width = max(ceil(width / self.reduction) * self.factor, MIN_CELL)
        if longest == 1:
            self.cell_height = VALUE_HEIGHT
        self.labels = [f"channel {channel}" for channel in channels]
        self.label_width = max(text_width(label, LABEL_SIZE, bold=True) for label in self.labels) + GAP
        # In the other modes, the colour bar or nothing says it.
        self.ranges = [self._range(row) if mode == "shared" else "" for row in range(len(channels))]

    @property
    def key(self) -> Scale:
        """What the colour bar shows: numbers only where one scale holds for all rows."""
        return Scale("layer" if self.mode == "layer" else "channel", self.whole.limit, self.whole.signed)

    @property
    def room(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height = LABEL_HEIGHT + len(self.channels) * (self.cell_height + GAP) - GAP
        maps_width = len(self.epochs) * (self.cell_width + GAP)
        return height, self.label_width + maps_width + max(text_width(text, LABEL_SIZE) for text in self.ranges)

    def draw(self, page: Page, left: int, top: int) -> None:
        left += self.label_width
        pitch = self.cell_width + GAP
        for column, epoch in enumerate(self.epochs):
            centre = left + column * pitch + self.cell_width // 2
            page.text(centre, top + LABEL_HEIGHT - 4, f"epoch {epoch}", LABEL_SIZE, bold=True, anchor="ms")
        for row in range(len(self.channels)):
            y = top + LABEL_HEIGHT + row * (self.cell_height + GAP)
            middle = y + self.cell_height // 2
            page.text(left - GAP, middle, self.labels[row], LABEL_SIZE, bold=True, anchor="rm")
            page.text(left + len(self.epochs) * pitch, middle, self.ranges[row], LABEL_SIZE, anchor="lm")
            for column in range(len(self.epochs)):
                self._draw_cell(page, column, row, left + column * pitch, y)

    def _draw_cell(self, page: Page, column: int, row: int, x: int, y: int) -> None:
        values, scale = self.maps[column, row], self._scale(column, row)
        if values.size == 1:
            draw_value(page, float(values.flat[0]), scale, x, y, self.cell_width, self.cell_height)
            return
        drawn = shrink(values, self.reduction)
        x += (self.cell_width - drawn.shape[1] * self.factor) // 2
        y += (self.cell_height - drawn.shape[0] * self.factor) // 2
        draw_map(page, drawn, scale, x, y, self.factor, float(values.flat[0]) if is_constant(values) else None)

    def _scale(self, column: int, row: int) -> Scale:
        if self.mode == "layer":
            return self.whole
        values = self.maps[:, row] if self.mode == "shared" else self.maps[column, row]
        return Scale(self.mode, finite_limit(values), self.whole.signed)

    def _range(self, row: int) -> str:
        scale = self._scale(0, row)
        if scale.limit == 0:
            return "0"
        return f"±{format_number(scale.limit)}" if scale.signed else f"0 … {format_number(scale.limit)}"


def _details(
    layer: Layer, strip: _Strip, total: int, chosen: bool, subject: str, panel: InputPanel | None
) -> list[str]:
    height, width = strip.map_size
    single = (height, width) == (1, 1)
    count = len(strip.channels)
    selection = f"all {total} channels" if count == total else f"{count} of {total} channels"
    if chosen and count < total:
        selection = f"the {selection} that changed most from the first epoch to the last"
    low, high = format_number(strip.whole.low), format_number(strip.whole.limit)
    scale = {
        "shared": "colour scale: one per channel, shared by all epochs, printed at the right of its row",
        "layer": f"colour scale: one for all channels and epochs, {low} to {high}",
        "channel": "colour scale: each map its own, so brightness cannot be compared between epochs",
    }[strip.mode]
    return sentences(
        [
            [subject, "single values" if single else f"maps of {height}×{width} pixels", selection],
            [layer.describe(), layer.sees("value" if single else "map pixel", panel.image_size if panel else None)],
            [
                scale,
                f"drawn at 1/{strip.reduction} size, pixels averaged" if strip.reduction > 1 else "",
                "contains NaN or infinite values" if count_not_finite(strip.maps) else "",
            ],
        ]
    )
