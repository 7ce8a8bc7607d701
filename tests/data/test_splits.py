import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.splits import stratified_split

labels_with_enough = st.lists(st.integers(2, 12), min_size=1, max_size=6).flatmap(
    lambda counts: st.permutations([label for label, count in enumerate(counts) for _ in range(count)])
)


@given(labels_with_enough, st.floats(0.05, 0.95), st.integers(0, 2**40))
def test_a_split_is_a_partition_with_every_class_on_both_sides_in_proportion(labels, fraction, seed):
    labels = np.array(labels)
    train, test = stratified_split(labels, fraction, seed=seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    for label in np.unique(labels):
        count = (labels == label).sum()
        tested = (labels[test] == label).sum()
        assert 1 <= tested <= count - 1
        assert abs(tested - count * fraction) <= 1


@given(labels_with_enough, st.data())
def test_counts_per_class_are_exact(labels, data):
    labels = np.array(labels)
    per_class = data.draw(st.integers(1, np.bincount(labels).min() - 1))
    train, test = stratified_split(labels, train_per_class=per_class)
    assert set(np.bincount(labels[train]).tolist()) == {per_class}
    assert len(train) + len(test) == len(labels)
    train, test = stratified_split(labels, test_per_class=per_class)
    assert set(np.bincount(labels[test]).tolist()) == {per_class}


def test_the_seed_decides_the_split_and_nothing_else_does():
    labels = np.repeat([0, 1], 50)
    first = stratified_split(labels, 0.25, seed=3)
    np.random.default_rng().random()
    again = stratified_split(labels, 0.25, seed=3)
    other = stratified_split(labels, 0.25, seed=4)
    np.testing.assert_array_equal(first[1], again[1])
    assert first[1].tolist() != other[1].tolist()


def test_the_two_classes_are_not_drawn_alike():
    _, test = stratified_split(np.repeat([0, 1], 50), 0.25, seed=0)
    assert test[test < 50].tolist() != (test[test >= 50] - 50).tolist()


def test_indices_are_ascending_int64():
    for part in stratified_split(np.array([0, 1] * 10), 0.5):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def test_a_class_with_too_few_samples_is_named_with_its_count():
    with pytest.raises(DataError, match=r"class fish has 1 sample; .* at least 2"):
        stratified_split(np.array([0, 0, 0, 1]), 0.25, classes=["cats", "fish"])
    with pytest.raises(DataError, match=r"class 1 has 3 samples; .* at least 6"):
        stratified_split(np.array([0] * 9 + [1] * 3), train_per_class=5)


def test_no_samples_are_no_split():
    with pytest.raises(DataError, match="no samples"):
        stratified_split(np.array([], int), 0.25)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_zero_to_one_is_refused(fraction):
    with pytest.raises(ArgumentError, match="outside 0 to 1"):
        stratified_split(np.array([0, 0, 1, 1]), fraction)


def test_exactly_one_way_to_say_how_many():
    with pytest.raises(ArgumentError, match="one of"):
        stratified_split(np.array([0, 0]))
    with pytest.raises(ArgumentError, match="one of"):
        stratified_split(np.array([0, 0]), 0.5, train_per_class=1)
    with pytest.raises(ArgumentError, match="train_per_class must be at least 1"):
        stratified_split(np.array([0, 0]), train_per_class=0)
