"""Splitting a labelled set into a part to learn from and a part to be judged on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError


def stratified_split(
    labels: Array,
    test_fraction: float | None = None,
    *,
    test_per_class: int | None = None,
    train_per_class: int | None = None,
    seed: int = 0,
    classes: Sequence[str] | None = None,
) -> tuple[Array, Array]:
    """Training and test indices (int64, ascending), drawn at random within each class.

    Exactly one of ``test_fraction`` (0 to 1, of every class, rounded, at least one sample on each side),
    ``test_per_class`` and ``train_per_class`` says how many; all other samples go to the other side.
    A class's draw depends on ``seed`` and on its label only. ``classes``: names for the errors.
    Raises ``DataError``, naming the class and its count, where a class has too few samples.

    Raises: ``DataError`` where a class has too few samples, ``ArgumentError`` for a share outside 0 ... 1.

    >>> from tinyconv.data.splits import stratified_split
    >>> train, test = stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25)
    >>> len(train), len(test)
    (6, 2)
    """
    labels = np.asarray(labels)
    if sum(option is not None for option in (test_fraction, test_per_class, train_per_class)) != 1:
        raise ArgumentError("stratified_split needs one of test_fraction, test_per_class and train_per_class")
    if test_fraction is not None and not 0 < test_fraction < 1:
        raise ArgumentError(f"test_fraction {test_fraction} is outside 0 to 1 (both excluded)")
    for name, count in (("test_per_class", test_per_class), ("train_per_class", train_per_class)):
        if count is not None and count < 1:
            raise ArgumentError(f"{name} must be at least 1, got {count}")
    if labels.size == 0:
        raise DataError("there are no samples to split")
    test_parts, train_parts = [], []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        needed = (test_per_class or train_per_class or 1) + 1
        if len(members) < needed:
            name = classes[int(label)] if classes is not None else str(label)
            held = "1 sample" if len(members) == 1 else f"{len(members)} samples"
            raise DataError(f"class {name} has {held}; this split needs at least {needed} of every class")
        if test_fraction is not None:
            tested = min(max(1, round(len(members) * test_fraction)), len(members) - 1)
        elif test_per_class is not None:
            tested = test_per_class
        else:
            tested = len(members) - (train_per_class or 0)
        shuffled = random.philox(seed, "split", int(label)).permutation(members)
        test_parts.append(shuffled[:tested])
        train_parts.append(shuffled[tested:])
    return np.sort(np.concatenate(train_parts)), np.sort(np.concatenate(test_parts))
