"""MTCNN with the weights that its package carries: a face detector that somebody else trained.

The weights are in a file of the PyPI package ``mtcnn`` 0.1.1 (MIT licence), which is never imported: it would want
TensorFlow. The file is a pickle, of which ``pickled_arrays`` reads the arrays alone. They were learned on photos with
rows and columns exchanged; loaded here, the networks take upright ones.
"""

from __future__ import annotations

import importlib.metadata
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, MissingFileError, RunError
from tinyconv.data.images import resize
from tinyconv.detection.boxes import Box
from tinyconv.interop import keras, pickled_arrays
from tinyconv.models.zoo.mtcnn import ONet, PNet, RNet
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor

MEMBER = "mtcnn/data/mtcnn_weights.npy"
INSTALL = "pip install --no-deps mtcnn==0.1.1"
MEAN, STD = 127.5 / 255, 128 / 255
"""What the networks take is (image - MEAN) / STD, of images in [0, 1]."""

THRESHOLDS = (0.6, 0.7, 0.7)
SHRINKING = 0.709
"""The published thresholds of the three networks, and the step of the pyramid of photos: half the area."""

CELL, STEP = 12, 2
"""The square that P-Net looks at, and how far apart two are."""

BATCH = 256


@dataclass(frozen=True)
class Face:
    """A face in a photo: its ``box``, with O-Net's probability, and five ``landmarks`` (5, 2).

    ``landmarks``: (x, y), in pixels, of the two eyes, the nose and the corners of the mouth, each pair as they stand in
    the photo from left to right.

    Raises: nothing of its own.

    >>> from tinyconv.detection import Box
    >>> from tinyconv.interop.mtcnn import Face
    >>> Face(Box(10, 10, 50, 60, 0.99), np.zeros((5, 2))).box.height
    50
    """

    box: Box
    landmarks: Array


class Mtcnn:
    """The three networks with their published weights, ``pnet``, ``rnet`` and ``onet``, in evaluation mode.

    ``path``: the ``.npy`` file, or the wheel that it is in; by default that of the installed package.

    Raises: ``MissingFileError`` where there is no such file, with the way to get it; ``RunError`` for another.

    >>> from tinyconv.interop.mtcnn import Mtcnn
    >>> try:
    ...     Mtcnn("nowhere.npy")
    ... except FileNotFoundError as error:
    ...     "nowhere.npy" in str(error)
    True
    """

    def __init__(self, path: str | Path | None = None) -> None:
        weights = _read(path)
        self.pnet, self.rnet, self.onet = PNet(), RNet(), ONet()
        for name, network, side in (("pnet", self.pnet, 12), ("rnet", self.rnet, 24), ("onet", self.onet, 48)):
            if not isinstance(weights, dict) or name not in weights:
                raise RunError(f"mtcnn: the file of weights has no {name!r}; it is not that of mtcnn 0.1.1")
            keras.load_weights(network, weights[name], (3, side, side), transposed=True).eval()

    def find(self, photo: Any, smallest: int = 20, thresholds: tuple[float, float, float] = THRESHOLDS) -> list[Face]:
        """The faces in ``photo``, the surest first.

        ``photo``: uint8 (H, W, 3) or float32 (3, H, W) in [0, 1]. ``smallest``: the least side of a face, in pixels.
        ``thresholds``: the probabilities from which P-Net, R-Net and O-Net let a square through.
        """
        pixels = _pixels(photo)
        with no_grad():
            boxes = self._proposed(pixels, smallest, thresholds[0])
            boxes = self._refined(pixels, boxes, thresholds[1])
            return self._looked_at(pixels, boxes, thresholds[2])

    def probabilities(self, photo: Any, boxes: Array) -> Array:
        """O-Net's p(face) for squares (N, 4) of ``photo``: (left, top, right, bottom) in pixels."""
        with no_grad():
            logits, *_ = _asked(self.onet, _crops(_pixels(photo), boxes, 48))
        return _p(logits)

    # --- the three looks, each at what the one before let through ----------------------------------------------------

    def _proposed(self, pixels: Array, smallest: int, threshold: float) -> Array:
        """Squares (N, 5), with their probability, from the photo at every size of the pyramid."""
        found = [np.empty((0, 5))]
        scale = CELL / smallest
        while min(pixels.shape[1:]) * scale >= CELL:
            height, width = (int(np.ceil(side * scale)) for side in pixels.shape[1:])
            logits, offsets = self.pnet(Tensor(_normalized(resize(pixels, (height, width))[None])))
            p = F.softmax(logits, 1).numpy()[0, 1]
            rows, columns = np.nonzero(p >= threshold)
            corners = np.stack([columns, rows, columns, rows], 1) * STEP + np.array([0, 0, CELL, CELL])
            boxes = np.column_stack([corners / scale, p[rows, columns]])
            kept = _apart(boxes, 0.5)
            moved = _moved(boxes[kept], offsets.numpy()[0, :, rows[kept], columns[kept]])
            found.append(moved)
            scale *= SHRINKING
        boxes = np.concatenate(found)
        return _square(boxes[_apart(boxes, 0.7)])

    def _refined(self, pixels: Array, boxes: Array, threshold: float) -> Array:
        logits, offsets = _asked(self.rnet, _crops(pixels, boxes, 24))
        boxes, offsets = _sure(boxes, logits, threshold, offsets)
        kept = _apart(boxes, 0.7)
        return _square(_moved(boxes[kept], offsets[kept]))

    def _looked_at(self, pixels: Array, boxes: Array, threshold: float) -> list[Face]:
        logits, offsets, points = _asked(self.onet, _crops(pixels, boxes, 48))
        boxes, offsets, points = _sure(boxes, logits, threshold, offsets, points)
        sides, corners = boxes[:, 2:4] - boxes[:, :2], boxes[:, :2]
        landmarks = corners[:, None] + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None]
        boxes = _moved(boxes, offsets)
        kept = _apart(boxes, 0.7, of_smaller=True)
        return [Face(Box(*boxes[place].tolist()), landmarks[place]) for place in kept]


def _read(path: str | Path | None) -> Any:
    if path is None:
        try:
            path = Path(str(importlib.metadata.distribution("mtcnn").locate_file(MEMBER)))
        except importlib.metadata.PackageNotFoundError:
            raise MissingFileError(
                f"mtcnn: the package with the weights is not installed; get it with: {INSTALL}"
            ) from None
    if not Path(path).is_file():
        raise MissingFileError(f"mtcnn: weights file {path} does not exist; the package has it: {INSTALL}")
    if not zipfile.is_zipfile(path):
        return pickled_arrays.read_npy(path)
    try:
        with zipfile.ZipFile(path) as wheel:
            return pickled_arrays.parse_npy(wheel.read(MEMBER), f"{path}: {MEMBER}")
    except (KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"mtcnn: {path} is not the wheel of mtcnn 0.1.1 ({' '.join(str(error).split())})") from None


def _pixels(photo: Any) -> Array:
    """A photo as float32 (3, H, W) in [0, 1]."""
    array = np.asarray(photo)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
        return (array / np.float32(255)).transpose(2, 0, 1)
    if array.dtype != np.float32 or array.ndim != 3 or array.shape[0] != 3:
        raise ArgumentError(
            f"mtcnn: a photo is uint8 (H, W, 3), or float32 (3, H, W) in [0, 1]; got {array.dtype} of {array.shape}"
        )
    return array


def _normalized(images: Array) -> Array:
    return ((images - MEAN) / STD).astype(np.float32)


def _crops(pixels: Array, boxes: Array, side: int) -> Array:
    """The squares of a photo as images (N, 3, side, side); what lies beyond its edges is black."""
    height, width = pixels.shape[1:]
    crops = np.zeros((len(boxes), 3, side, side), np.float32)
    for crop, box in zip(crops, np.rint(boxes[:, :4]).astype(int), strict=True):
        left, top, right, bottom = box
        square = np.zeros((3, max(bottom - top, 1), max(right - left, 1)), np.float32)
        inside = pixels[:, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
        if inside.size:
            first, beside = max(-top, 0), max(-left, 0)
            square[:, first : first + inside.shape[1], beside : beside + inside.shape[2]] = inside
        crop[...] = resize(square, (side, side))
    return crops


def _asked(network: RNet | ONet, images: Array) -> list[Array]:
    """The network's answers to many images, batch by batch."""
    starts = range(0, max(len(images), 1), BATCH)
    answers = [network.answers(Tensor(_normalized(images[start : start + BATCH]))) for start in starts if len(images)]
    if not answers:
        return [np.empty((0, size), np.float32) for size in (2, 4, 10)[: 3 if isinstance(network, ONet) else 2]]
    return [np.concatenate([part.numpy() for part in parts]) for parts in zip(*answers, strict=True)]


def _p(logits: Array) -> Array:
    return F.softmax(Tensor(logits), 1).numpy()[:, 1]


def _sure(boxes: Array, logits: Array, threshold: float, *others: Array) -> list[Array]:
    """Boxes with their new probability, and what belongs to them, where that is at least ``threshold``."""
    p = _p(logits)
    kept = p >= threshold
    return [np.column_stack([boxes[kept, :4], p[kept]]), *(other[kept] for other in others)]


def _moved(boxes: Array, offsets: Array) -> Array:
    """Edges moved by ``offsets``, in widths and heights of the box."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    return np.column_stack([boxes[:, :4] + offsets * np.tile(sides, 2), boxes[:, 4]])


def _square(boxes: Array) -> Array:
    """The smallest squares around the centres of boxes that hold them."""
    centres = (boxes[:, :2] + boxes[:, 2:4]) / 2
    half = (boxes[:, 2:4] - boxes[:, :2]).max(1, keepdims=True, initial=0) / 2
    return np.column_stack([centres - half, centres + half, boxes[:, 4]])


def _apart(boxes: Array, most: float, of_smaller: bool = False) -> list[int]:
    """Which boxes (N, 5) stay, the surest first, where of two that share more than ``most`` the surer one does.

    Shared is the area of the intersection in that of the union, or with ``of_smaller`` in that of the smaller box.
    """
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = list(np.argsort(-boxes[:, 4], kind="stable"))
    kept: list[int] = []
    while order:
        best, rest = order[0], np.array(order[1:], int)
        kept.append(int(best))
        sides = np.minimum(boxes[rest, 2:4], boxes[best, 2:4]) - np.maximum(boxes[rest, :2], boxes[best, :2])
        common = sides.clip(0).prod(1)
        whole = np.minimum(areas[rest], areas[best]) if of_smaller else areas[rest] + areas[best] - common
        order = list(rest[common <= most * whole])
    return kept
