"""What scikit-learn passes around, made into images: tables (N, features), or arrays of more dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ShapeError

Shape = tuple[int, int, int]
"""(channels, height, width)"""

KEPT = (np.float32, np.uint8)
"""The types that a table keeps; any other becomes the first one."""


class Images:
    """Some rows of a table as images: ``images[indices]`` is float32 (B, channels, height, width).

    ``rows``: for each image its row, which may come more than once. Only what is asked for is copied, so that a table
    of bytes does not become four times as large.
    """

    def __init__(self, table: Array, rows: Array, shape: Shape) -> None:
        self._table, self._rows, self._shape = table, rows, shape

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: Any) -> Array:
        return self._table[self._rows[indices]].reshape(-1, *self._shape).astype(np.float32, copy=False)


def flattened(X: Any) -> tuple[Any, Shape | None]:
    """``X`` as the table that scikit-learn checks, and the shape of its images; None where it is a table already.

    (N, height, width) has one channel. Raises ``ShapeError`` for more than four dimensions.
    """
    dimensions = len(X.shape) if hasattr(X, "shape") else _dimensions(X)
    if dimensions <= 2:
        return X, None
    if dimensions > 4:
        raise ShapeError(
            f"X has {dimensions} dimensions; give images (n, channels, height, width) or (n, height, width), or a "
            "table (n, features)"
        )
    array = np.asarray(X)
    if dimensions == 3:
        array = array[:, None]
    _, channels, height, width = array.shape
    return array.reshape(len(array), -1), (channels, height, width)


def _dimensions(X: Any) -> int:
    try:
        return np.asarray(X).ndim
    except ValueError:  # lists of unequal lengths, of which scikit-learn knows better what to say
        return 2


def checked(estimator: Any, X: Any, reset: bool) -> tuple[Array, Shape | None]:
    """The table in ``X``, checked by scikit-learn, and the shape of its images.

    ``reset``: whether what is seen becomes what the estimator expects, or has to be that.
    """
    table, shape = flattened(X)
    return validate_data(estimator, table, dtype=list(KEPT), reset=reset), shape


def checked_with_labels(estimator: Any, X: Any, y: Any, reset: bool) -> tuple[Array, Array, Shape | None]:
    """The same with labels, of which there must be one for each row."""
    table, shape = flattened(X)
    table, labels = validate_data(estimator, table, y, dtype=list(KEPT), reset=reset)
    check_classification_targets(labels)
    return table, labels, shape


def image_shape(wanted: Any, found: Shape | None, features: int) -> Shape:
    """The shape of the images in a table of so many ``features``.

    ``wanted``: the user's ``image_shape``; ``found``: that of X, where it has one. With neither, every feature is a
    channel of an image of one pixel. Raises ``ShapeError`` where they contradict each other.
    """
    shape = found or (features, 1, 1)
    if wanted is None:
        return shape
    try:
        sides = tuple(int(side) for side in wanted)
    except (TypeError, ValueError):
        sides = ()
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise ShapeError(f"image_shape must be (channels, height, width) or (height, width), got {wanted!r}")
    channels, height, width = sides if len(sides) == 3 else (1, *sides)
    if found not in (None, (channels, height, width)):
        raise ShapeError(f"X has images of shape {found}, but image_shape is {wanted!r}; leave image_shape out")
    if channels * height * width != features:
        raise ShapeError(
            f"image_shape {wanted!r} has {channels * height * width} numbers, but X has {features} features; "
            "image_shape is (channels, height, width), and their product the number of features"
        )
    return channels, height, width
