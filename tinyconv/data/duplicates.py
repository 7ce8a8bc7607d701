"""Photographs that are almost the same one: the same press photograph twice, or two of one moment.

A classifier that has learnt from one of them is not judged fairly on the other, so a split keeps them together.
"""

from __future__ import annotations

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.data.images import resize

SIDE, COARSE_SIDE = 32, 8
LARGEST_OFFSET = 2
THRESHOLD = 0.8
"""Of LFW's 62 people with 20 photographs or more, above it lie 79 pairs of one person, to the eye of one moment, and
none of the 2.5 million pairs of different people, the highest of which has 0.79."""


def near_duplicates(images: Array, labels: Array) -> Array:
    """A group number for every image: equal for near duplicates within a class, and for theirs; int64 (N,).

    ``images``: (N, C, H, W). Two are near duplicates if the correlation of their details, at 32x32 pixels without what
    remains at 8x8 (lighting, background), exceeds ``THRESHOLD`` at an offset of up to 2 pixels each way: one
    photograph is cut out twice with its face detected at slightly different places.
    """
    details = _details(images)
    groups = np.arange(len(images))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        for first, second in np.argwhere(_correlations(details[members]) > THRESHOLD):
            one, other = sorted((groups[members[first]], groups[members[second]]))
            groups[groups == other] = one
    return groups.astype(np.int64)


def pairs(images: Array, labels: Array) -> list[tuple[int, int, float]]:
    """The near duplicates as (first index, second index, correlation), the most alike first."""
    details, found = _details(images), []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        correlations = np.triu(_correlations(details[members]), 1)
        found += [
            (int(members[first]), int(members[second]), float(correlations[first, second]))
            for first, second in np.argwhere(correlations > THRESHOLD)
        ]
    return sorted(found, key=lambda pair: -pair[2])


def _details(images: Array) -> Array:
    """float32 (N, 32, 32): the gray images without their coarse part."""
    fine = resize(images.mean(axis=1, dtype=np.float32), (SIDE, SIDE))
    return fine - resize(resize(fine, (COARSE_SIDE, COARSE_SIDE)), (SIDE, SIDE))


def _correlations(details: Array) -> Array:
    """(N, N): Pearson's correlation of each two images' details, at the offset where it is largest."""
    margin = LARGEST_OFFSET
    centre = _standardised(details[:, margin : SIDE - margin, margin : SIDE - margin])
    largest = np.full((len(details), len(details)), -1, np.float32)
    for down in range(2 * margin + 1):
        for right in range(2 * margin + 1):
            window = details[:, down : down + SIDE - 2 * margin, right : right + SIDE - 2 * margin]
            np.maximum(largest, centre @ _standardised(window).T, out=largest)
    np.fill_diagonal(largest, -1)
    return np.maximum(largest, largest.T)


def _standardised(windows: Array) -> Array:
    rows = windows.reshape(len(windows), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(np.float32).tiny)
