"""Batches are a function of (seed, epoch, number), whoever prepares them and however they are shared."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from tinyconv.core.errors import ArgumentError
from tinyconv.data.transforms import Augmentation, RandomHorizontalFlip, RandomShift
from tinyconv.train import Batches, Preprocessing

IMAGES = np.random.default_rng(0).random((23, 3, 6, 5)).astype(np.float32)
LABELS = np.arange(23) % 4
PREPROCESSING = Preprocessing.fit(IMAGES)


def batches(images: Any = IMAGES, **options: Any) -> Batches:
    augmentation = Augmentation([RandomHorizontalFlip(), RandomShift(1)], seed=5)
    return Batches(images, LABELS, 6, PREPROCESSING, augmentation=augmentation, shuffle=True, seed=5, **options)


def arrays(source: Batches) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(images.numpy(), labels.numpy()) for images, labels in source]


def assert_same(first: list[Any], second: list[Any]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_threads_that_prepare_batches_change_nothing(mixup: float) -> None:
    expected = arrays(batches(mixup=mixup, prefetch=0))
    assert [len(labels) for _, labels in expected] == [6, 6, 6, 5]
    for prefetch in (1, 2, 5):
        assert_same(arrays(batches(mixup=mixup, prefetch=prefetch)), expected)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_the_parts_of_all_ranks_are_the_batch_of_one(mixup: float, ranks: int) -> None:
    whole = batches(mixup=mixup)
    shared = [batches(mixup=mixup, rank=rank, ranks=ranks) for rank in range(ranks)]
    for epoch in range(2):
        for source in (whole, *shared):
            source.set_epoch(epoch)
        parts = zip(*map(arrays, shared), strict=True)
        joined = [tuple(np.concatenate(arrays) for arrays in zip(*part, strict=True)) for part in parts]
        assert_same(joined, arrays(whole))
    for rank, source in enumerate(shared):
        for number, (_, labels) in enumerate(whole):
            first, last, size = source.part(number)
            assert size == len(labels)
            assert list(range(first, last)) == np.array_split(np.arange(size), ranks)[rank].tolist()


@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_a_start_in_the_middle_gives_the_rest_of_the_pass_once(mixup: float) -> None:
    source = batches(mixup=mixup)
    source.set_epoch(3)
    whole = arrays(source)
    source.start_at(2)
    assert len(source) == 4
    assert_same(arrays(source), whole[2:])
    assert_same(arrays(source), whole)
    source.start_at(4)
    assert arrays(source) == []


def test_mixup_blends_images_and_targets_by_the_same_weight() -> None:
    # Images that say which class they are: every pixel holds the label.
    images = np.broadcast_to(LABELS[:, None, None, None], (23, 1, 2, 2)).astype(np.float32)
    source = Batches(images, LABELS, 23, Preprocessing(1, (2, 2), (0.0,), (1.0,)), mixup=1.0, seed=2)
    weights = []
    for epoch in range(6):
        source.set_epoch(epoch)
        ((inputs, targets),) = arrays(source)
        assert targets.shape == (23, 4)
        assert targets.dtype == np.float32
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(inputs[:, 0, 0, 0], targets @ np.arange(4), atol=1e-6)
        own = targets[np.arange(23), LABELS]
        weights.append(own.min())
        assert (targets > 0).sum(axis=1).max() == 2
    assert len(set(weights)) == 6, "a weight is drawn anew for every batch"


def test_a_number_of_classes_beyond_the_labels_makes_wider_targets() -> None:
    ((_, targets), *_) = arrays(batches(mixup=1.0, classes=7))
    assert targets.shape == (6, 7)


class Slow:
    """Images that take as long to read as the test wants, and count how many batches were asked for."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, indices: Any) -> Any:
        self.asked.release()
        assert self.go.acquire(timeout=10)
        return IMAGES[indices]


def test_the_next_batches_are_made_while_the_loop_is_at_work() -> None:
    images = Slow()
    passing = iter(batches(images, prefetch=2))
    images.go.release(3)
    next(passing)
    # Two have been made or begun beyond the one in hand, without the loop's asking.
    assert all(images.asked.acquire(timeout=10) for _ in range(3))
    images.go.release(9)
    assert len(list(passing)) == 3


def test_waiting_is_counted_only_while_no_batch_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    source = batches(prefetch=0)
    assert source.waited == 0
    list(source)
    assert source.waited == 5, "four batches and the end, each between two looks at the clock"


def test_an_error_in_a_thread_is_raised_in_the_loop() -> None:
    class Broken(Slow):
        def __getitem__(self, indices: Any) -> Any:
            raise ArgumentError("picture 7 fell off the wall")

    before = threading.active_count()
    with pytest.raises(ArgumentError, match="picture 7"):
        list(batches(Broken()))
    assert threading.active_count() == before


def test_a_loop_that_breaks_off_leaves_no_thread() -> None:
    before = threading.active_count()
    for _ in batches():
        break
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"rank": 2, "ranks": 2}, "rank 2 of 2"),
        ({"ranks": 6}, "batch of 5 samples cannot be shared by 6 ranks"),
        ({"mixup": -0.1}, "mixup"),
        ({"mixup": float("nan")}, "mixup"),
        ({"prefetch": -1}, "prefetch"),
    ],
)
def test_what_makes_no_batches_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ArgumentError, match=complaint):
        batches(**options)


def test_a_start_beyond_the_end_is_refused() -> None:
    with pytest.raises(ArgumentError, match="start at batch 5; there are 4"):
        batches().start_at(5)
