"""What goes back: the turned filter on a padded cotangent, stride as zeros, and the switches of a maximum."""

from __future__ import annotations

import numpy as np

from theory import example
from theory.drawing import CELL, Drawing
from theory.example import dx, dy, pooled_dx, pooled_dy, pooled_x, pooled_y, turned, w


def flipped() -> Drawing:
    """One pixel of the input gradient as a window on the padded cotangent."""
    words = "The output's gradient with two rings of zeros, the turned filter over its corner, and the input gradient."
    d = Drawing(640, 265, words)
    around = np.pad(dy[0, 0], 2)
    ring = {(i, j) for i, j in np.ndindex(6, 6) if not (2 <= i < 4 and 2 <= j < 4)}
    place = (1, 2)
    d.grid(20, 55, around, "output", empty=ring, words="dy, padded by 3 − 1 = 2")
    d.frame(20, 55, place, (3, 3))
    d.text(228, 145, "⊙")
    d.grid(255, 100, turned(w)[0, 0], "filter", words="w turned by 180°")
    d.text(382, 145, "→")
    d.grid(420, 85, dx[0, 0], "input", words="dx", strong={place})
    d.frame(420, 85, place, (1, 1))
    return d


def spread_out() -> Drawing:
    """A stride of the forward pass as zeros in the backward pass."""
    words = "With stride 2 the output's gradient gets one zero between neighbours and then two rings of padding."
    d = Drawing(640, 300, words)
    spread = example.spread(dy, 2)[0, 0]
    around = np.pad(spread, 2)
    ring = {(i, j) for i, j in np.ndindex(7, 7) if not (2 <= i < 5 and 2 <= j < 5)}
    d.grid(20, 130, dy[0, 0], "output", words="dy")
    d.text(105, 160, "→")
    zeros = {(i, j) for i, j in np.ndindex(3, 3) if i % 2 or j % 2}
    d.grid(135, 115, spread, "output", words="zeros between")
    for i, j in zeros:
        d.box(135 + j * CELL, 115 + i * CELL, CELL, CELL, "zero")
        d.text(135 + (j + 0.5) * CELL, 115 + (i + 0.5) * CELL + 1, "0")
    d.text(250, 160, "→")
    d.grid(285, 55, around, "output", empty=ring, words="padded by 3 − 1 = 2")
    for i, j in zeros:
        d.box(285 + (j + 2) * CELL, 55 + (i + 2) * CELL, CELL, CELL, "zero")
        d.text(285 + (j + 2.5) * CELL, 55 + (i + 2.5) * CELL + 1, "0")
    d.frame(285, 55, (0, 0), (3, 3))
    d.text(515, 140, "the turned filter", "left")
    d.text(515, 160, "moves by 1", "left")
    return d


def switches() -> Drawing:
    """The maximum remembers where it was, and sends everything there."""
    words = "Max pooling: four 2 by 2 windows, the place of each maximum, and the gradient put back at those places."
    d = Drawing(640, 190, words)
    winners = {(int(i), int(j)) for i, j in np.argwhere(pooled_dx[0, 0] != 0)}
    d.grid(20, 50, pooled_x[0, 0], "input", strong=winners, words="x")
    for i, j in winners:
        d.frame(20, 50, (i, j), (1, 1))
    d.text(165, 110, "→")
    d.grid(190, 80, pooled_y[0, 0], "output", words="y: the maxima")
    d.text(300, 110, "⋯")
    d.grid(345, 80, pooled_dy[0, 0], "output", words="dy")
    d.text(433, 110, "→")
    d.grid(465, 50, pooled_dx[0, 0], "input", strong=winners, words="dx")
    for i, j in winners:
        d.frame(465, 50, (i, j), (1, 1))
    return d
