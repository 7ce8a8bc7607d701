from collections import OrderedDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core.errors import DTypeError, ShapeError, UnsupportedError
from tinyconv.core.layout import is_engine_order
from tinyconv.utils.data import default_collate, default_convert

Pair = namedtuple("Pair", ["image", "label"])


def test_tensors_are_stacked_and_images_lie_channels_last():
    images = [tc.randn(3, 4, 5) for _ in range(2)]
    batch = default_collate(images)
    assert batch.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(batch.numpy(), np.stack([image.numpy() for image in images]))
    assert is_engine_order(batch.array)


def test_a_batch_does_not_share_memory_with_the_dataset():
    image = tc.zeros(2, 2)
    batch = default_collate([image])
    batch.array[...] = 1
    assert not image.numpy().any()


@pytest.mark.parametrize(
    ("samples", "dtype"),
    [
        ([1, 2], tc.int64),
        ([1.5, 2.5], tc.float64),
        ([True, False], tc.bool_),
        ([1, 2.5], tc.float64),
        ([np.float32(1), np.float32(2)], tc.float32),
        ([np.int64(1), np.int64(2)], tc.int64),
        ([np.zeros(2, np.uint8)] * 2, tc.uint8),
    ],
)
def test_numbers_and_arrays_become_tensors_of_pytorchs_types(samples, dtype):
    batch = default_collate(samples)
    assert batch.dtype == dtype
    np.testing.assert_array_equal(batch.numpy(), samples)


def test_fields_are_collated_one_by_one():
    images, labels = default_collate([(tc.zeros(2), 3), (tc.ones(2), 4)])
    assert images.shape == (2, 2)
    assert labels.numpy().tolist() == [3, 4]
    assert isinstance(default_collate([Pair(1, 2), Pair(3, 4)]), Pair)
    record = default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
    assert record["x"].numpy().tolist() == [1, 2]
    assert record["name"] == ["a", "b"]


def test_samples_of_different_shapes_are_shown_with_the_way_out():
    with pytest.raises(ShapeError, match=r"\(2, 2\), \(3, 3\).*collate_fn"):
        default_collate([tc.zeros(3, 3), tc.zeros(2, 2)])


def test_samples_with_different_numbers_of_fields_are_refused():
    with pytest.raises(ShapeError, match=r"\[1, 2\] fields"):
        default_collate([(1, 2), (1,)])


def test_what_cannot_be_stacked_is_named():
    with pytest.raises(DTypeError, match="NoneType"):
        default_collate([None, None])
    with pytest.raises(DTypeError, match="object"):
        default_collate([np.array([None])])
    with pytest.raises(DTypeError, match="complex128"):
        default_collate([np.zeros(2, complex)])


def test_samples_on_the_tape_are_refused_and_not_cut_off_silently():
    with pytest.raises(UnsupportedError, match="detach"):
        default_collate([tc.zeros(2, requires_grad=True)])


def test_mappings_keep_their_kind_and_what_else_they_hold():
    counts = defaultdict(int, a=1)
    batch = default_collate([counts, counts])
    assert isinstance(batch, defaultdict)
    assert batch.default_factory is int
    assert batch["a"].tolist() == [1, 1]
    assert isinstance(default_collate([OrderedDict(a=1)]), OrderedDict)
    assert default_collate([MappingProxyType({"a": 1})])["a"].tolist() == [1]
    assert isinstance(default_convert(OrderedDict(a=np.ones(1))), OrderedDict)


def test_tensors_of_different_types_are_stacked_in_the_type_that_both_promote_to():
    for samples in ([tc.zeros(2), tc.zeros(2, dtype=tc.int64)], [tc.zeros(2, dtype=tc.int64), tc.zeros(2)]):
        assert default_collate(samples).dtype == tc.float32


def test_a_tuple_in_a_sample_that_is_not_batched_becomes_a_list_unless_it_has_names():
    assert default_convert((1, "a")) == [1, "a"]
    assert default_convert(Pair(1, 2)) == Pair(1, 2)


def test_conversion_turns_arrays_into_tensors_and_leaves_the_rest():
    data = default_convert(OrderedDict(a=np.ones(2), b=[np.zeros(1), "text"], c=Pair(np.ones(3), 5)))
    assert isinstance(data["a"], tc.Tensor)
    assert isinstance(data["b"][0], tc.Tensor)
    assert data["b"][1] == "text"
    assert isinstance(data["c"], Pair)
    assert isinstance(data["c"].image, tc.Tensor)
    assert data["c"].label == 5


def test_strings_stay_in_a_list_and_those_of_a_field_in_a_tuple():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate([(1, "a"), (2, "b")])[1] == ("a", "b")
