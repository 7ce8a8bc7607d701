"""Finding things in a photograph with a network that classifies windows of one size.

The windows slide over the photograph at many sizes. A network without padding, such as the Convolutional Face Finder,
takes each size of the photograph whole (``slide``): layers of neighbouring windows are the same, and are computed once.
Any other network gets the windows one by one, an eighth of their shorter side apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.detection.boxes import Box, group
from tinyconv.detection.pyramid import PER_DOUBLING, levels
from tinyconv.nn import functional
from tinyconv.nn.conversion import device_of
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.train import LoadedRun

THRESHOLD = 0.8
VOTES = 2
STEPS_PER_WINDOW = 8
BATCH = 1024
"""Windows that are cut out together, which bounds the memory that they take."""


def find(
    run: LoadedRun,
    photo: FloatArray,
    target: int = 0,
    *,
    threshold: float = THRESHOLD,
    votes: int = VOTES,
    per_doubling: int = PER_DOUBLING,
    smallest: float | None = None,
    largest: float | None = None,
) -> list[Box]:
    """Where ``photo`` shows what ``run`` calls class ``target``, the surest first.

    ``threshold``: the probability from which a window is a candidate. ``votes``: how many candidates must agree.
    ``smallest``, ``largest``: heights of what is looked for, in pixels of the photograph; by default those of the
    window (or, in a large photograph, a 24th of its shorter side) and of the photograph. ``per_doubling``: sizes from
    one to its double.

    Shape: photo (C, H, W) in [0, 1], C the channels that the run was trained with.
    Dtype: float32.
    Raises: ``ArgumentError`` for numbers outside their domain, ``ShapeError`` for other channels or a photograph with
        no room for a window.
    Source: Garcia & Delakis, 2004, section 5.

    >>> from tinyconv.detection import find
    >>> from tinyconv.train import load_run
    >>> try:
    ...     find(load_run("runs/0001"), np.zeros((1, 100, 80), np.float32))
    ... except tc.TinyconvError as error:
    ...     "runs/0001" in str(error)
    True
    """
    return group(candidates(run, photo, target, threshold, per_doubling, smallest, largest), votes)


def candidates(
    run: LoadedRun,
    photo: FloatArray,
    target: int,
    threshold: float = THRESHOLD,
    per_doubling: int = PER_DOUBLING,
    smallest: float | None = None,
    largest: float | None = None,
) -> list[Box]:
    """Every window, at every size, whose probability of ``target`` is at least ``threshold``; as ``find`` has them."""
    window = run.preprocessing.image_size
    if not 0 <= threshold <= 1:
        raise ArgumentError(f"the threshold is a probability, 0 to 1, got {threshold:g}")
    if not 0 <= target < len(run.classes):
        raise ArgumentError(f"the run has {len(run.classes)} classes, and none with number {target}")
    if photo.ndim != 3 or photo.shape[0] != run.preprocessing.channels:
        raise ShapeError(
            f"a photograph for this run has shape ({run.preprocessing.channels}, height, width), got {photo.shape}"
        )
    rows, columns = photo.shape[1:]
    found = []
    for picture, (down, across) in levels(photo, window, per_doubling, smallest, largest):
        probabilities, step = answers(run, picture, target)
        for row, column in np.argwhere(probabilities >= threshold).tolist():
            top, left = row * step * down, column * step * across
            bottom, right = min(top + window[0] * down, rows), min(left + window[1] * across, columns)
            found.append(Box(left, top, right, bottom, float(probabilities[row, column])))
    return found


def answers(run: LoadedRun, picture: FloatArray, target: int) -> tuple[FloatArray, int]:
    """The probability of ``target`` in every window of ``picture`` (C, h, w), (rows, columns); and the step.

    Window (i, j) has its top left pixel at (i step, j step).
    """
    slide = getattr(run.model, "slide", None)
    if slide is not None:
        image = Tensor(run.preprocessing.normalize(picture[None])).to(device_of(run.model))
        with no_grad():
            return functional.softmax(slide(image), dim=1).cpu().array[0, target], int(run.model.step)
    height, width = run.preprocessing.image_size
    step = max(1, min(height, width) // STEPS_PER_WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (height, width), axis=(1, 2))[:, ::step, ::step]
    windows = windows.transpose(1, 2, 0, 3, 4)
    places = list(np.ndindex(windows.shape[:2]))
    parts = [
        run.probabilities(np.stack([windows[place] for place in places[start : start + BATCH]]))[:, target]
        for start in range(0, len(places), BATCH)
    ]
    return np.concatenate(parts).reshape(windows.shape[:2]), step
