"""How the Neocognitron's S-cells learn: without labels, and in competition.

An image is shown. Of all cells around a place, in any plane, the strongest is that place's candidate; of several
candidates in one plane the strongest is its *seed*. Seeds learn what they see, and all cells of their plane with them:

    Δa = q c u        Δb = q v        (u: the window of the seed; v, c, q: see ``SCells``)

So next time the plane answers to that feature more strongly, and by b to others less, which leaves them to planes that
have learnt nothing yet. After Fukushima, 1980, section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.transfer import to_host
from tinyconv.nn import functional as F
from tinyconv.ops.creation.creation import tensor
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.models.zoo.neocognitron import SCells

REACH = 2
"""How far around a place cells compete for it: 5x5 of them, in all planes."""

PRESENTATIONS = 500
"""Images shown to each layer; of fewer, each several times."""


def learn(cells: SCells, inputs: Tensor) -> int:
    """Let ``cells`` learn from ``inputs`` (N, planes before, H, W). Returns how many of their planes have."""
    kernel = cells.a.shape[2]
    a = np.array(to_host(cells.a.array), order="C").reshape(cells.a.shape[0], -1)
    b = np.array(to_host(cells.b.array))
    c = np.array(to_host(cells.c.array), order="C").reshape(-1, 1)
    share = cells.selectivity / (1 + cells.selectivity)
    learnt = np.zeros(len(b), bool)
    for number in range(PRESENTATIONS):
        image = inputs[number % inputs.shape[0]][None]
        windows = to_host(F.unfold(image, kernel, padding=cells.padding).array)[0]
        strength = np.sqrt((c * windows * windows).sum(0))
        # r is left out: it makes no cell the winner.
        answers = np.maximum((1 + a @ windows) / (1 + share * b[:, None] * strength) - 1, 0)
        height, width = (image.shape[axis] + 2 * cells.padding - kernel + 1 for axis in (2, 3))
        planes, places = seeds(answers.reshape(-1, height, width))
        a[planes] += cells.growth * (c * windows[:, places]).T
        b[planes] += cells.growth * strength[places]
        learnt[planes] = True
    device = cells.a.device
    cells.a.copy_(tensor(a.reshape(cells.a.shape), device=device))
    cells.b.copy_(tensor(b, device=device))
    return int(learnt.sum())


def seeds(answers: FloatArray) -> tuple[Array, Array]:
    """The planes that have a seed, each once, and where it is (row * width + column), in ``answers`` (planes, H, W)."""
    strongest = answers.max(0)
    height, width = strongest.shape
    framed = np.pad(strongest, REACH, constant_values=-1)
    side = 2 * REACH + 1
    around = np.lib.stride_tricks.sliding_window_view(framed, (side, side)).reshape(height, width, side * side)
    down, across = np.divmod(around.argmax(-1), side)
    rows, columns = np.arange(height)[:, None] + down - REACH, np.arange(width) + across - REACH
    candidates = np.unique(rows * width + columns)
    candidates = candidates[strongest.reshape(-1)[candidates] > 0]
    planes = answers.reshape(len(answers), -1)[:, candidates].argmax(0)
    best: dict[int, int] = {}
    for candidate in np.argsort(strongest.reshape(-1)[candidates], kind="stable"):  # the strongest of a plane stays
        best[int(planes[candidate])] = int(candidates[candidate])
    return np.array(list(best), np.int64), np.array(list(best.values()), np.int64)
