"""Near duplicates: the same photograph cut out again is found, another photograph is not."""

import numpy as np
import pytest
from shared_data import shared_data

from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.data.duplicates import near_duplicates, pairs
from tinyconv.data.images import resize
from tinyconv.data.sources import load

RANDOM = np.random.default_rng(0)


def photographs(number):
    """Smooth images, as photographs are, 1x80x80."""
    return resize(RANDOM.random((number, 1, 12, 12)).astype(np.float32), (80, 80))


def test_a_photograph_cut_out_again_and_lit_differently_is_found():
    scenes = photographs(5)
    images = np.concatenate([scenes[:, :, 8:72, 8:72], scenes[:3, :, 10:74, 5:69] * 0.7 + 0.2])
    groups = near_duplicates(images, np.zeros(8, int))
    assert groups[5:].tolist() == groups[:3].tolist()
    assert len(set(groups[:5].tolist())) == 5
    assert sorted((first, second) for first, second, _ in pairs(images, np.zeros(8, int))) == [(0, 5), (1, 6), (2, 7)]


def test_duplicates_of_duplicates_are_one_group_and_classes_have_their_own():
    scene = photographs(1)
    images = np.concatenate([scene[:, :, 8:72, offset : offset + 64] for offset in (2, 6, 10, 14)])
    assert len(set(near_duplicates(images, np.zeros(4, int)).tolist())) == 1
    assert len(set(near_duplicates(images[[0, 3, 2, 1]], np.zeros(4, int)).tolist())) == 1
    assert near_duplicates(images, np.array([0, 1, 0, 1])).tolist()[:2] == [0, 1]


def test_images_without_any_detail_are_no_duplicates():
    assert near_duplicates(np.full((3, 1, 8, 8), 0.5, np.float32), np.zeros(3, int)).tolist() == [0, 1, 2]


@pytest.fixture
def people(tmp_path):
    """An .npz file of three people in the layout of named photographs."""
    with np.load(shared_data("lfwcrop_64x64.npz")) as everybody:
        chosen = np.isin(everybody["names"], ("Colin_Powell", "Donald_Rumsfeld", "Hugo_Chavez"))
        np.savez(tmp_path / "people.npz", **{name: everybody[name][chosen] for name in everybody.files})
    return tmp_path / "people.npz"


def test_named_photographs_of_lfw_have_a_few_and_people_can_be_chosen_by_their_number(people):
    data = load(f"npz:{people}", min_per_class=60)
    assert data.classes == ("Colin_Powell", "Donald_Rumsfeld")
    assert len(data) == len(data.names) == len(data.groups) == len(data.images)
    assert set(data.labels.tolist()) == {0, 1}
    assert all(name.split()[0] == data.classes[label] for name, label in zip(data.names, data.labels, strict=True))
    sizes = np.bincount(data.groups)
    assert 5 < (sizes > 1).sum() < 30
    assert sizes.max() < 10
    expected = load(f"npz:{people}")
    assert len(expected.classes) == 3
    first = expected.names.index(data.names[0])
    np.testing.assert_array_equal(data.images[0], expected.images[first])


def test_one_class_of_enough_images_is_not_enough(people):
    with pytest.raises(DataError, match=r"1 of 3 classes have 150 images or more.*the largest has 177"):
        load(f"npz:{people}", min_per_class=150)
    with pytest.raises(ArgumentError, match="at least 1, got 0"):
        load(f"npz:{people}", min_per_class=0)
