"""Whole networks: one step by hand, receptive fields, Winograd's detour, and the history."""

from __future__ import annotations

import numpy as np

from theory.drawing import Drawing
from theory.example import TARGET, first, x
from theory.sums import plain
from tinyconv.models.receptive_field import ReceptiveField


def step() -> Drawing:
    """The small network, values to the right and gradients to the left."""
    words = (
        "Two filters, ReLU, max pooling, softmax and loss with their values; below each, the gradient that comes back."
    )
    d = Drawing(900, 400, words)
    d.text(20, 20, "forward →", "left title")
    d.text(20, 385, "← backward, in brackets", "left title")
    d.grid(20, 150, x[0, 0], "input", words="x")
    for channel, top in enumerate((60, 240)):
        d.line([(142, 210), (175, top + 45)], arrow=True)
        d.grid(
            180, top, first.weight[channel, 0], "filter", words=f"w{channel}, b{channel} = {plain(first.bias[channel])}"
        )
        d.text(225, top + 104, f"(db{channel} = {plain(first.dbias[channel])})", "small")
        d.text(293, top + 45, "→")
        left = 320
        for values, back, title in [
            (first.y[0, channel], first.dy[0, channel], "y = x∗w + b"),
            (first.a[0, channel], first.da[0, channel], "ReLU"),
        ]:
            d.grid(left, top, [[""] * 2] * 2, "output", 45, words=title)
            for i, j in np.ndindex(2, 2):
                d.text(left + 45 * j + 22, top + 45 * i + 16, plain(values[i, j]))
                d.text(left + 45 * j + 22, top + 45 * i + 34, f"({plain(back[i, j], 2)})", "small")
            d.text(left + 110, top + 45, "→")
            left += 130
        d.grid(left, top + 22, [[""]], "output", 45, words="max")
        d.text(left + 22, top + 38, plain(first.z[0, channel]))
        d.text(left + 22, top + 56, f"({plain(first.dz[0, channel], 2)})", "small")
        d.line([(left + 50, top + 45), (left + 95, 200 if channel else 190)], arrow=True)
    d.text(725, 172, "softmax", "title")
    d.text(725, 197, f"p0 = {plain(first.p[0, 0])}")
    d.text(725, 218, f"p1 = {plain(first.p[0, 1])}")
    d.line([(775, 200), (800, 200)], arrow=True)
    d.text(850, 172, "loss", "title")
    d.text(850, 197, f"−ln p{TARGET}")
    d.text(850, 218, f"= {plain(first.loss)}")
    return d


LAYERS = [("3×3 convolution", 3, 1), ("2×2 pooling, stride 2", 2, 2), ("3×3 convolution", 3, 1)]


def receptive_field() -> Drawing:
    """Which pixels one unit sees, through three layers, along one axis."""
    field = ReceptiveField()
    for _, kernel, stride in LAYERS:
        field = field.through((kernel,) * 2, (stride,) * 2, (0, 0), (1, 1))
    seen = int(field.size[0])
    words = f"One unit after three layers, and the units below it that it sees, widening to {seen} pixels of the image."
    d = Drawing(760, 260, words)
    pixels, cell, bottom, gap = 12, 34, 205, 58
    rows = [[(i + 0.5) * cell for i in range(pixels)]]
    for _, kernel, stride in LAYERS:
        below = rows[-1]
        starts = range(0, len(below) - kernel + 1, stride)
        rows.append([(below[i] + below[i + kernel - 1]) / 2 for i in starts])
    wanted = {1}
    for level in range(len(LAYERS), -1, -1):
        y = bottom - level * gap
        style = "input" if level == 0 else "output"
        for i, middle in enumerate(rows[level]):
            d.box(20 + middle - 11, y - 11, 22, 22, style if i in wanted else "empty")
        title = "the image" if level == 0 else LAYERS[level - 1][0]
        d.text(470, y, f"{title}: {len(wanted)} seen" if level < len(LAYERS) else f"{title}: one unit", "left")
        if level:
            _, kernel, stride = LAYERS[level - 1]
            under = {i * stride + tap for i in wanted for tap in range(kernel)}
            for i in wanted:
                for tap in range(kernel):
                    d.line(
                        [(20 + rows[level][i], y + 11), (20 + rows[level - 1][i * stride + tap], y + gap - 11)],
                        "output",
                    )
            wanted = under
    d.text(
        20,
        245,
        f"a unit of the last layer sees {seen} pixels, its neighbour those {plain(field.jump[0])} further on",
        "left small",
    )
    return d


def winograd() -> Drawing:
    """Tile and filter into 36 numbers each, multiplied one by one, and back to 16 outputs."""
    words = "A 6 by 6 tile and a 3 by 3 filter become 36 numbers each; their products give 4 by 4 outputs."
    d = Drawing(720, 250, words)
    blank = [[""] * 6] * 6
    cell = 14
    for top, title, size, style, formula in [
        (30, "tile d, 6×6", 6, "input", "Bᵀ d B"),
        (160, "filter g, 3×3", 3, "filter", "G g Gᵀ"),
    ]:
        d.grid(30 + (6 - size) * 7, top + (6 - size) * 7, [[""] * size] * size, style, cell)
        d.text(72, top - 12, title, "title")
        d.line([(125, top + 42), (205, top + 42)], arrow=True)
        d.text(165, top + 28, formula)
        d.grid(212, top, blank, style, cell)
    d.line([(300, 72), (338, 118)], arrow=True)
    d.line([(300, 202), (338, 146)], arrow=True)
    d.text(352, 132, "⊙")
    d.line([(366, 132), (398, 132)], arrow=True)
    d.grid(405, 90, blank, "output", cell)
    d.text(447, 76, "36 products, summed over C", "title")
    d.line([(497, 132), (580, 132)], arrow=True)
    d.text(538, 118, "Aᵀ · A")
    d.grid(590, 104, [[""] * 4] * 4, "output", cell)
    d.text(618, 76, "16 outputs", "title")
    d.text(618, 180, "the sum itself would", "small")
    d.text(618, 196, "multiply 16 × 9 = 144 times", "small")
    return d


MILESTONES = [
    (1962, "Hubel & Wiesel: simple and complex cells"),
    (1980, "Neocognitron: S- and C-cells in alternation"),
    (1989, "backpropagation trains shared filters (LeCun)"),
    (1998, "LeNet-5 reads digits"),
    (2004, "Convolutional Face Finder: 951 weights"),
    (2012, "AlexNet wins ImageNet"),
    (2014, "VGG, GoogLeNet, DeepFace"),
    (2015, "batch normalisation, ResNet"),
    (2016, "DenseNet"),
]


def timeline() -> Drawing:
    """The years of the last chapter."""
    words = "A line of years: " + "; ".join(f"{year}, {what}" for year, what in MILESTONES) + "."
    d = Drawing(640, 30 * len(MILESTONES) + 30, words)
    d.line([(70, 15), (70, 30 * len(MILESTONES) + 10)])
    for row, (year, what) in enumerate(MILESTONES):
        y = 30 + 30 * row
        d.box(66, y - 4, 8, 8, "output")
        d.text(35, y, str(year), "title")
        d.text(88, y, what, "left")
    return d
