"""A layer's kernels as one picture: few inputs in a grid of filters, many in a table of outputs and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.canvas import (
    FAINT,
    GAP,
    LABEL_HEIGHT,
    LABEL_SIZE,
    Page,
    draw_map,
    draw_value,
    text_width,
)
from tinyconv.features.channels import check_channels
from tinyconv.features.colours import Pixels, Scale, count_not_finite, format_number, is_constant, scale_of
from tinyconv.features.grid_captions import MAX_CHANNELS
from tinyconv.features.grids import arrange
from tinyconv.features.kernels.weights import Kernels
from tinyconv.features.layers import times
from tinyconv.features.sheet import sentences, sheet

SIDE_BY_SIDE = 4
"""Inputs of a filter that are drawn beside each other; of more, outputs and inputs make a table."""
MAX_ROWS, MAX_COLUMNS = 32, 32
CELL = 26
NORM = "norm"


def kernel_picture(
    kernels: Kernels, *, channels: Sequence[int] | None = None, epoch: int | None = None, subject: str = ""
) -> Pixels:
    """The picture of one layer's kernels: (height, width, 3) uint8, equal for equal arguments.

    Layers of up to 4 inputs: a filter in each cell, its inputs beside each other; at most 256. Other layers: a row for
    each output channel, a column for each input; at most 32 of each are drawn, those of the largest norm, and the head
    says so. ``channels``: the output channels to draw. ``epoch`` and ``subject``: for the head. One colour scale for
    the layer, red above 0, blue below; a kernel whose weights are all equal is hatched.

    Raises: ``DimensionError`` for channels that the layer does not have.

    >>> from tinyconv.features.kernels import kernel_picture, kernels_of
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3))
    >>> found = kernels_of(model, np.zeros((1, 8, 8), np.float32))
    >>> kernel_picture(found["conv2"]).shape[2]
    3
    """
    count = len(kernels.weights)
    numbers = list(range(count)) if channels is None else check_channels(channels, count, kernels.layer.name)
    scale = _signed(kernels.weights)
    if kernels.weights.shape[1] <= SIDE_BY_SIDE:
        return _filters(kernels, numbers, scale, epoch, subject)
    return _table(kernels, numbers, scale, epoch, subject)


def _signed(weights: FloatArray) -> Scale:
    """Weights have signs, even where all happen to be positive."""
    return Scale("layer", scale_of(weights).limit, signed=True)


def _filters(kernels: Kernels, numbers: list[int], scale: Scale, epoch: int | None, subject: str) -> Pixels:
    shown = strongest(kernels.norms, numbers, MAX_CHANNELS)
    inputs, height, width = kernels.weights.shape[1:]
    grid = arrange(len(shown), height, inputs * width)
    factor = max(1, min(grid.cell[0] // height, (grid.cell[1] - 2 * (inputs - 1)) // (inputs * width)))
    cell = max(inputs * (width * factor + 2) - 2, text_width("000 000000", LABEL_SIZE))
    rows = ceil(len(shown) / grid.columns)
    pitch = (cell + GAP, height * factor + LABEL_HEIGHT + GAP)
    beside = "" if inputs == 1 else f"from left to right the weights on input channels 0 to {inputs - 1}"
    details = [beside, "above each: its output channel and the norm of its weights"]
    page, left, top = _page(
        kernels, shown, len(numbers), scale, details, epoch, subject, (rows * pitch[1], grid.columns * pitch[0])
    )
    for position, number in enumerate(shown):
        row, column = divmod(position, grid.columns)
        x, y = left + column * pitch[0], top + row * pitch[1]
        page.text(x, y + LABEL_HEIGHT - 4, str(number), LABEL_SIZE, bold=True, anchor="ls")
        norm = format_number(float(kernels.norms[number]), 2)
        page.text(x + cell, y + LABEL_HEIGHT - 4, norm, LABEL_SIZE, colour=FAINT, anchor="rs")
        for channel in range(inputs):
            values = kernels.weights[number, channel]
            _draw_kernel(page, values, scale, x + channel * (width * factor + 2), y + LABEL_HEIGHT, factor)
    return page.pixels()


def _table(kernels: Kernels, numbers: list[int], scale: Scale, epoch: int | None, subject: str) -> Pixels:
    shown = strongest(kernels.norms, numbers, MAX_ROWS)
    chosen = kernels.weights[shown]
    input_norms = np.sqrt(np.square(chosen, dtype=np.float64).sum(axis=(0, 2, 3)))
    columns = strongest(input_norms, list(range(chosen.shape[1])), MAX_COLUMNS)
    height, width = chosen.shape[2:]
    factor = max(1, CELL // max(height, width))
    pitch = (width * factor + 4, height * factor + 4)
    label = max(text_width(str(number), LABEL_SIZE, bold=True) for number in shown) + GAP
    total = chosen.shape[1]
    which = (
        f"all {total} inputs"
        if len(columns) == total
        else (f"{len(columns)} of {total} inputs, those of the largest weights")
    )
    groups = f"in {kernels.groups} groups, inputs numbered within each" if kernels.groups > 1 else ""
    details = [
        f"a row for each output channel, a column for each input: {which}",
        groups,
        "at the right: norm of all weights",
    ]
    room = (LABEL_HEIGHT + len(shown) * pitch[1], label + len(columns) * pitch[0] + text_width("0.000000", LABEL_SIZE))
    page, left, top = _page(kernels, shown, len(numbers), scale, details, epoch, subject, room)
    for column, number in enumerate(columns):
        x = left + label + column * pitch[0] + width * factor // 2
        # Numbers of three digits would run into each other.
        if number < 100 or column % 2 == 0:
            page.text(x, top + LABEL_HEIGHT - 4, str(number), LABEL_SIZE, colour=FAINT, anchor="ms")
    for row, number in enumerate(shown):
        y = top + LABEL_HEIGHT + row * pitch[1]
        middle = y + height * factor // 2
        page.text(left + label - GAP, middle, str(number), LABEL_SIZE, bold=True, anchor="rm")
        for column, source in enumerate(columns):
            values = kernels.weights[number, source]
            _draw_kernel(page, values, scale, left + label + column * pitch[0], y, factor)
        norm = format_number(float(kernels.norms[number]))
        page.text(left + label + len(columns) * pitch[0] + 4, middle, norm, LABEL_SIZE, colour=FAINT, anchor="lm")
    return page.pixels()


def _draw_kernel(page: Page, values: FloatArray, scale: Scale, x: int, y: int, factor: int) -> None:
    if values.size > 1:
        draw_map(page, values, scale, x, y, factor, float(values.flat[0]) if is_constant(values) else None)
    else:
        draw_value(page, float(values.flat[0]), scale, x, y, factor, factor, written=False)


def strongest(norms: FloatArray, numbers: list[int], most: int) -> list[int]:
    """The ``most`` of ``numbers`` with the largest norms, in order of number; what is no number counts as largest."""
    order: Array = np.argsort(-np.nan_to_num(norms[numbers], nan=np.inf), kind="stable")
    return sorted(numbers[place] for place in order[:most])


def _page(
    kernels: Kernels,
    shown: list[int],
    asked: int,
    scale: Scale,
    details: list[str],
    epoch: int | None,
    subject: str,
    room: tuple[int, int],
) -> tuple[Page, int, int]:
    count, inputs, height, width = kernels.weights.shape
    size = "weights" if (height, width) == (1, 1) else f"kernels of {times((height, width))} weights"
    inputs_word = "input" if inputs == 1 else "inputs"
    bad = count_not_finite(kernels.weights)
    when = "" if epoch is None else "before training (epoch 0)" if epoch == 0 else f"epoch {epoch}"
    most = f"{len(shown)} of {count} output channels" if len(shown) < count else f"all {count} output channels"
    if len(shown) < asked:
        most += ", those of the largest norm"
    limit = format_number(scale.limit)
    colours = (
        f"colour scale: one for the whole layer, −{limit} to {limit}; red adds to the sum, blue takes from it"
        if scale.limit
        else "colour scale: none, all weights are 0"
    )
    return sheet(
        f"{kernels.layer.name}: {count} × {inputs} {size}",
        sentences(
            [
                [when, subject],
                [kernels.layer.describe(), f"{count} output channels, {inputs} {inputs_word}"],
                [most, *details],
                [colours, f"{bad} weights are NaN or infinite" if bad else ""],
            ]
        ),
        None,
        room,
        scale,
        bad > 0,
    )
