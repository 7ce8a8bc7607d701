import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.images import ImageData
from tinyconv.data.splits import split, stratified_split

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


@given(labels_with_enough, st.data(), st.integers(0, 9))
def test_groups_are_never_divided(labels, data, seed):
    labels = np.array(labels)
    groups = labels * 100 + np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(labels), max_size=len(labels))))
    if any(len(set(groups[labels == label].tolist())) < 3 for label in set(labels.tolist())):
        groups[:] = np.arange(len(labels))  # one group of a class may be more than the half that is tested
    train, test = stratified_split(labels, 0.5, seed=seed, groups=groups)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert not set(groups[train]) & set(groups[test])
    assert set(labels[train]) == set(labels[test]) == set(labels)


def test_groups_of_one_change_nothing_and_a_pair_that_does_not_fit_makes_way():
    labels = np.repeat([0, 1], 8)
    plain = stratified_split(labels, 0.25, seed=1)
    np.testing.assert_array_equal(stratified_split(labels, 0.25, seed=1, groups=np.arange(16))[1], plain[1])
    groups = np.arange(16)
    groups[plain[1][:2]] = groups[plain[0][:2]] = 99  # four of class 0, of which two would have been tested
    _, test = stratified_split(labels, 0.25, seed=1, groups=groups)
    assert 99 not in groups[test]
    assert (labels[test] == 0).sum() == 2


def test_a_class_of_near_duplicates_alone_cannot_be_split():
    with pytest.raises(DataError, match=r"class fish cannot be split: its 3 samples are near duplicates"):
        stratified_split(np.repeat([0, 1], 3), 0.4, classes=["cats", "fish"], groups=np.array([0, 1, 2, 3, 3, 3]))


def image_data(held_out=None, groups=None):
    images = np.zeros((12, 1, 2, 2), np.float32)
    return ImageData("mine", images, np.arange(12) % 2, ("a", "b"), "", False, held_out=held_out, groups=groups)


def test_the_split_of_whoever_made_the_dataset_is_kept_unless_another_is_asked_for():
    data = image_data(held_out=np.array([9, 3]))
    train, test = split(data)
    assert test.tolist() == [3, 9]
    assert sorted([*train, *test]) == list(range(12))
    assert len(split(data, test_fraction=0.5)[1]) == 6
    assert len(split(data, train_per_class=1)[0]) == 2
    with pytest.raises(ArgumentError, match="one of"):
        split(image_data())
    with pytest.raises(DataError, match="no training images"):
        split(image_data(held_out=np.arange(12)))


def test_near_duplicates_stay_on_one_side():
    groups = np.arange(12)
    groups[[0, 2, 4]] = 0
    for seed in range(9):
        _, test = split(image_data(groups=groups), test_fraction=0.5, seed=seed)
        assert len(set(test) & {0, 2, 4}) in (0, 3)
