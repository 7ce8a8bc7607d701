"""Splitting a labelled set into a part to learn from and a part to be judged on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.images import ImageData


def stratified_split(
    labels: Array,
    test_fraction: float | None = None,
    *,
    test_per_class: int | None = None,
    train_per_class: int | None = None,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    groups: Array | None = None,
) -> tuple[Array, Array]:
    """Training and test indices (int64, ascending), drawn at random within each class.

    Exactly one of ``test_fraction`` (0 to 1, of every class, rounded, at least one sample on each side),
    ``test_per_class`` and ``train_per_class`` says how many; all other samples go to the other side.
    A class's draw depends on ``seed`` and on its label only. ``classes``: names for the errors. ``groups``: (N,),
    samples of a class with equal numbers stay on one side; where that leaves no other choice, fewer are tested.
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
        if groups is None:
            chosen = np.arange(len(members)) < tested
        else:
            chosen = _whole_groups(np.asarray(groups)[shuffled], tested)
        if not chosen.any():
            name = classes[int(label)] if classes is not None else str(label)
            raise DataError(f"class {name} cannot be split: its {len(members)} samples are near duplicates")
        test_parts.append(shuffled[chosen])
        train_parts.append(shuffled[~chosen])
    return np.sort(np.concatenate(train_parts)), np.sort(np.concatenate(test_parts))


def split(
    data: ImageData, test_fraction: float | None = None, train_per_class: int | None = None, seed: int = 0
) -> tuple[Array, Array]:
    """Training and test indices of ``data``: as whoever made it divided it, or stratified where one says how much.

    Near duplicates (``data.groups``) stay on one side.
    Raises: ``DataError`` where it cannot be divided so, ``ArgumentError`` where nobody says how.

    >>> from tinyconv.data import sources, splits
    >>> train, test = splits.split(sources.load("digits"), test_fraction=0.2)
    >>> len(train), len(test)
    (1438, 359)
    """
    if test_fraction is None and train_per_class is None and data.held_out is not None:
        held_out = np.sort(data.held_out)
        train = np.setdiff1d(np.arange(len(data)), held_out)
        for part, indices in (("training", train), ("test", held_out)):
            if not len(indices):
                raise DataError(f"{data.name} has no {part} images; choose a share to hold out (--test-fraction)")
        return train, held_out
    return stratified_split(
        data.labels,
        test_fraction,
        train_per_class=train_per_class,
        seed=seed,
        classes=data.classes,
        groups=data.groups,
    )


def _whole_groups(groups: Array, wanted: int) -> Array:
    """Which of the samples to take so that no group is divided: ``wanted`` or fewer, from the front where they fit."""
    chosen = np.zeros(len(groups), bool)
    taken = 0
    for group in dict.fromkeys(groups.tolist()):
        members = groups == group
        size = int(members.sum())
        if taken + size <= wanted:
            chosen |= members
            taken += size
    return chosen
