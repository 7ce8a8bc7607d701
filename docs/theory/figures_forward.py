"""What convolution computes: the sliding filter, its geometry, groups, its matrix, and its transpose."""

from __future__ import annotations

import numpy as np

from theory.drawing import Drawing
from theory.example import NONE, ONE, as_matrix, b, w, x, y
from theory.sums import plain
from tinyconv.backends import reference
from tinyconv.core.geometry import output_size


def sliding() -> Drawing:
    """The products of one output."""
    words = "A 3 by 3 window of the image, times the filter, gives one pixel of the output: the upper right one."
    d = Drawing(600, 190, words)
    i, j = 0, 1
    d.grid(20, 50, x[0, 0], "input", words="image x")
    d.frame(20, 50, (i, j), (3, 3))
    d.text(180, 95, "⊙")
    d.grid(205, 50, w[0, 0], "filter", words="filter w")
    d.text(322, 95, "→")
    d.grid(345, 50, x[0, 0, i : i + 3, j : j + 3] * w[0, 0], "empty", words="products")
    d.text(390, 160, f"sum {plain((x[0, 0, i : i + 3, j : j + 3] * w[0, 0]).sum())}, bias {plain(b[0])}", "small")
    d.text(462, 95, "→")
    d.grid(490, 65, y[0, 0], "output", words="output y", strong={(i, j)})
    d.frame(490, 65, (i, j), (1, 1))
    return d


CASES = [
    ("no padding, stride 1", 5, 3, 1, 0, 1),
    ("padding 1", 5, 3, 1, 1, 1),
    ("stride 2", 5, 3, 2, 0, 1),
    ("dilation 2", 6, 3, 1, 0, 2),
    ("padding 1, stride 2", 6, 3, 2, 1, 1),
]
"""title, image, kernel, stride, padding, dilation"""


def geometry() -> Drawing:
    """Where the taps of the first window and of the next one lie."""
    words = (
        "Five images with the taps of a 3 by 3 filter at the first output, and the corner of the next window: "
        "padding puts zeros around the image, stride moves the window further, dilation spreads its taps."
    )
    d = Drawing(860, 220, words)
    left = 50.0
    for title, size, kernel, stride, padding, dilation in CASES:
        cell, side = 15, size + 2 * padding
        top = 50 + (8 - side) * cell / 2
        taps = {dilation * tap for tap in range(kernel)}
        for row, column in np.ndindex(side, side):
            inside = all(padding <= place < padding + size for place in (row, column))
            style = "filter" if row in taps and column in taps else "input" if inside else "padding"
            d.box(left + column * cell, top + row * cell, cell, cell, style)
        if stride + dilation * (kernel - 1) < side:
            extent = dilation * (kernel - 1) + 1
            d.frame(left, top, (0, stride), (extent, extent), cell)
        outputs = output_size(size, kernel, stride, padding, dilation)
        d.text(left + side * cell / 2, 24, title, "title")
        d.text(left + side * cell / 2, 196, f"{size}×{size} → {outputs}×{outputs}")
        left += max(side * cell, 105) + 45
    return d


def groups() -> Drawing:
    """Which inputs each output channel is a sum over."""
    words = "Lines from 4 input to 4 output channels: one group joins all, two groups halves, four groups only pairs."
    d = Drawing(720, 215, words)
    for number, (title, count) in enumerate([("groups = 1", 1), ("groups = 2", 2), ("groups = 4: depthwise", 4)]):
        left, share = 60 + 235 * number, 4 // count
        d.text(left + 60, 20, title, "title")
        for k in range(4):
            for c in range(k // share * share, k // share * share + share):
                d.line([(left + 20, 58 + 38 * c), (left + 100, 58 + 38 * k)], "filter")
        for channel in range(4):
            d.box(left - 14, 44 + 38 * channel, 34, 28, "input")
            d.box(left + 100, 44 + 38 * channel, 34, 28, "output")
            d.text(left + 3, 59 + 38 * channel, f"x{channel}")
            d.text(left + 117, 59 + 38 * channel, f"y{channel}")
        d.text(left + 60, 203, f"{16 // count * 9} weights of 3×3 filters", "small")
    return d


def matrix() -> Drawing:
    """The same convolution as one sparse matrix, and its transpose."""
    words = "The convolution as a matrix of 4 rows and 16 columns: every row holds the nine weights, shifted."
    d = Drawing(620, 190, words)
    rows, cell = as_matrix(w, 4, 4), 30
    taps = as_matrix(np.ones_like(w), 4, 4)
    empty = {(int(i), int(j)) for i, j in np.argwhere(taps == 0)}
    shown = np.where(taps == 0, "", np.vectorize(plain)(rows))
    for column in range(16):
        d.text(120 + (column + 0.5) * cell, 32, f"x{column // 4}{column % 4}", "small faint")
    for row in range(4):
        d.text(90, 45 + (row + 0.5) * cell, f"y{row // 2}{row % 2}", "small faint")
    d.grid(120, 45, shown, "filter", cell, empty=empty)
    d.text(20, 105, "A  =", "left title")
    d.text(360, 180, "coloured: the nine weights of w, the zeros among them too; dashed: no weight, always 0", "small")
    return d


def transposed() -> Drawing:
    """Each input pixel stamps the filter onto the output."""
    words = "Every pixel of a 2 by 2 input stamps the filter, times its value, on the output; overlaps add up."
    d = Drawing(640, 235, words)
    small, kernel = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1, 1], [1, 2, 1], [1, 1, 1]])
    large = reference.conv2d_input_gradient(small[None, None], kernel[None, None], (5, 5), (2, 2), NONE, ONE, 1)[0, 0]
    d.grid(20, 90, small, "input", words="input")
    d.text(110, 122, "∗ᵀ")
    d.grid(140, 75, kernel, "filter", words="filter")
    d.text(262, 122, "→")
    top, left = 52, 300
    d.grid(left, top, large, "output", words="output, stride 2")
    d.frame(left, top, (0, 0), (3, 3))
    d.frame(left, top, (2, 2), (3, 3), style="frame2")
    d.text(475, 95, "first pixel's stamp: 1 × filter", "left small")
    d.text(475, 165, "last pixel's stamp: 4 × filter", "left small")
    d.text(475, 130, "where stamps overlap, they add", "left small")
    return d
