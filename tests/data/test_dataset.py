import pytest

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError, TinyconvError
from tinyconv.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Squares(Dataset):
    def __init__(self, count):
        self.count = count

    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return self.count


def test_a_tensor_dataset_gives_the_same_row_of_every_tensor():
    data = TensorDataset(tc.arange(6).reshape(3, 2), tc.tensor([7, 8, 9]))
    assert len(data) == 3
    row, label = data[1]
    assert row.numpy().tolist() == [2, 3]
    assert label.item() == 8


def test_tensors_of_different_lengths_are_refused_with_their_shapes():
    with pytest.raises(ShapeError, match=r"\(3, 2\), \(4,\)"):
        TensorDataset(tc.zeros(3, 2), tc.zeros(4))
    with pytest.raises(ShapeError):
        TensorDataset(tc.tensor(1.0))
    with pytest.raises(ArgumentError):
        TensorDataset()


def test_a_subset_follows_its_indices():
    subset = Subset(Squares(10), [3, 1, 4])
    assert [subset[i] for i in range(len(subset))] == [9, 1, 16]


def test_concatenation_continues_where_the_first_ends_and_counts_from_the_end():
    both = Squares(3) + Squares(2)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(len(both))] == [0, 1, 4, 0, 1]
    assert both[-1] == 1
    assert both[-5] == 0
    for outside in (5, -6):
        with pytest.raises(DimensionError, match="5 samples"):
            both[outside]


def test_concatenation_passes_over_empty_datasets():
    both = ConcatDataset([Squares(0), Squares(2), Squares(0), Squares(1)])
    assert [both[i] for i in range(3)] == [0, 1, 0]


def test_a_random_split_is_a_partition_and_the_generator_decides_it():
    parts = random_split(Squares(10), [7, 3], generator=tc.Generator(3))
    again = random_split(Squares(10), [7, 3], generator=tc.Generator(3))
    other = random_split(Squares(10), [7, 3], generator=tc.Generator(4))
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(index for part in parts for index in part.indices) == list(range(10))
    assert parts[0].indices == again[0].indices
    assert parts[0].indices != other[0].indices


def test_fractions_give_the_remainder_to_the_first_parts():
    assert [len(part) for part in random_split(Squares(11), [0.5, 0.25, 0.25])] == [6, 3, 2]


def test_lengths_that_do_not_sum_to_the_dataset_are_refused():
    with pytest.raises(ArgumentError, match="sum to 9, the dataset has 10"):
        random_split(Squares(10), [5, 4])


def test_a_dataset_without_getitem_says_so():
    class Nothing(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no __getitem__"):
        Nothing()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset has no __iter__; write it"):
        iter(IterableDataset())


class Countdown(IterableDataset):
    def __init__(self, start):
        self.start = start

    def __iter__(self):
        return iter(range(self.start, 0, -1))

    def __len__(self):
        return self.start


def test_stacked_datasets_give_their_samples_side_by_side():
    assert StackDataset(Squares(3), "abc")[2] == (4, "c")
    named = StackDataset(square=Squares(3), letter="abc")
    assert named[1] == {"square": 1, "letter": "b"}
    assert len(named) == 3
    with pytest.raises(ShapeError, match=r"the same length, got lengths \[3, 2\]"):
        StackDataset(Squares(3), "ab")
    for args, kwargs in (((), {}), (("a",), {"letter": "b"})):
        with pytest.raises(ArgumentError, match="all by name; at least one"):
            StackDataset(*args, **kwargs)


def test_chained_datasets_are_gone_through_one_after_the_other():
    chained = Countdown(2) + Countdown(3)
    assert isinstance(chained, ChainDataset)
    assert list(chained) == [2, 1, 3, 2, 1]
    assert len(chained) == 5
    with pytest.raises(ArgumentError, match="dataset 1 is a Squares, no IterableDataset"):
        list(ChainDataset([Countdown(1), Squares(2)]))
    with pytest.raises(ArgumentError, match="join them with ChainDataset"):
        ConcatDataset([Squares(2), Countdown(1)])


def test_a_subset_fetches_batches_as_its_dataset_does():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [-index for index in indices]

    assert Subset(Whole(9), [3, 1, 4]).__getitems__([2, 0]) == [-4, -3]
    assert Subset(Squares(9), [3, 1, 4]).__getitems__([2, 0]) == [16, 9]
    assert Subset(tc.arange(9), [3, 1, 4])[[2, 0]].tolist() == [4, 3]


def test_a_part_with_no_sample_warns_and_negative_lengths_are_refused():
    with pytest.warns(UserWarning, match=r"part 1, 0\.1 of 1 samples, is empty"):
        assert [len(part) for part in random_split(Squares(1), [0.9, 0.1])] == [1, 0]
    with pytest.raises(ArgumentError, match="must not be negative"):
        random_split(Squares(10), [11, -1])


def test_tensors_that_are_lists_are_refused_with_the_way_out():
    with pytest.raises(ArgumentError, match=r"argument 1 is a list; convert it with tc\.as_tensor"):
        TensorDataset(tc.zeros(2), [1, 2])


@pytest.mark.parametrize(
    "draw",
    [
        lambda data: random_split(data, [2, 1], generator=7),
        lambda data: list(RandomSampler(data, generator=7)),
        lambda data: list(DataLoader(data, shuffle=True, generator=7)),
    ],
    ids=["random_split", "RandomSampler", "DataLoader"],
)
def test_a_seed_in_place_of_a_generator_is_named_as_the_mistake(draw):
    with pytest.raises(TinyconvError, match=r"[Gg]enerator.*7"):
        draw([0, 1, 2])
