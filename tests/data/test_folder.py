import os
import tarfile

import numpy as np
import PIL.Image
import pytest
from shared_data import shared_data

from tinyconv.core.errors import DataError
from tinyconv.data.folder import common_size
from tinyconv.data.sources import load
from tinyconv.data.splits import split
from tinyconv.train import recipe_for


def put(path, size=(8, 8), colour=100, mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new(mode, size[::-1], colour).save(path)


@pytest.fixture
def pets(tmp_path):
    for index in range(3):
        put(tmp_path / "dogs" / f"{index}.png", colour=200)
        put(tmp_path / "cats" / f"{index}.png", colour=50)
    return tmp_path


def load_folder(path, **options):
    return load(f"folder:{path}", **options)


def test_classes_are_the_sorted_subfolders_and_label_their_images(pets):
    data = load_folder(pets)
    assert data.classes == ("cats", "dogs")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(data.images[:, 0, 0, 0], [50 / 255] * 3 + [200 / 255] * 3, atol=1e-6)
    assert not data.mirror


def test_images_in_deeper_folders_belong_to_the_class_above(pets):
    put(pets / "cats" / "2024" / "june" / "x.png")
    assert np.bincount(load_folder(pets).labels).tolist() == [4, 3]


def test_hidden_files_and_folders_are_ignored(pets):
    put(pets / ".cache" / "x.png")
    put(pets / "cats" / ".hidden" / "x.png")
    (pets / "cats" / ".DS_Store").write_text("")
    data = load_folder(pets)
    assert data.classes == ("cats", "dogs")
    assert len(data) == 6
    assert data.skipped == 0


def test_files_that_are_no_images_by_name_are_counted(pets):
    (pets / "README.md").write_text("pets")
    (pets / "cats" / "labels.csv").write_text("")
    assert load_folder(pets).skipped == 2


def test_gray_images_give_one_channel_even_if_stored_as_rgb(pets):
    put(pets / "cats" / "rgb.png", colour=(9, 9, 9), mode="RGB")
    assert load_folder(pets).channels == 1


def test_one_colour_image_makes_the_set_rgb(pets):
    put(pets / "cats" / "rgb.png", colour=(9, 9, 10), mode="RGB")
    data = load_folder(pets)
    assert data.images.shape == (7, 3, 8, 8)


def test_mixed_sizes_become_the_commonest(pets):
    put(pets / "cats" / "big.png", size=(30, 20))
    assert load_folder(pets).image_size == (8, 8)


def test_an_image_size_overrules_the_commonest(pets):
    assert load_folder(pets, image_size=(5, 6)).image_size == (5, 6)


def test_the_default_size_is_the_commonest_and_no_longer_than_64():
    assert common_size([(10, 20), (10, 20), (64, 64)]) == (10, 20)
    assert common_size([(32, 32), (16, 16)]) == (16, 16)  # equally common: the smaller
    assert common_size([(64, 48)]) == (64, 48)
    assert common_size([(480, 640)]) == (48, 64)
    assert common_size([(5000, 3)]) == (64, 1)


def test_the_common_size_sees_images_upright(tmp_path):
    for name in "ab":
        image = PIL.Image.new("L", (20, 10))
        exif = image.getexif()
        exif[0x0112] = 6
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / "x.jpg", exif=exif)
    assert load_folder(tmp_path).image_size == (20, 10)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere does not exist"):
        load_folder(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    put(tmp_path / "x.png")
    with pytest.raises(DataError, match="is a file"):
        load_folder(tmp_path / "x.png")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="is empty"):
        load_folder(tmp_path)


def test_images_without_class_folders_are_refused(tmp_path):
    put(tmp_path / "x.png")
    with pytest.raises(DataError, match="no subfolders"):
        load_folder(tmp_path)


def test_one_class_is_refused_by_name(tmp_path):
    put(tmp_path / "cats" / "x.png")
    with pytest.raises(DataError, match=r"one class only \(cats\)"):
        load_folder(tmp_path)


def test_a_class_without_images_is_named(pets):
    (pets / "fish").mkdir()
    with pytest.raises(DataError, match="fish holds no images"):
        load_folder(pets)


def test_one_part_of_a_dataset_is_not_taken_for_a_class(pets):
    put(pets / "data" / "train" / "cats" / "x.png")
    with pytest.raises(DataError, match=r"parts of a dataset \(train\).*folder:.*train"):
        load_folder(pets / "data")


def parts(folder, held_out="test"):
    for part, count in (("train", 3), (held_out, 2)):
        for name in ("cats", "dogs"):
            for index in range(count):
                put(folder / part / name / f"{index}.png", colour=10 * index + (100 if part == "train" else 200))
    return folder


@pytest.mark.parametrize("held_out", ["test", "val", "Validation"])
def test_the_split_into_train_and_test_folders_is_kept(tmp_path, held_out):
    data = load_folder(parts(tmp_path, held_out))
    assert data.classes == ("cats", "dogs")
    assert data.labels.tolist() == [0] * 3 + [1] * 3 + [0] * 2 + [1] * 2
    assert data.held_out.tolist() == [6, 7, 8, 9]
    assert data.names[0] == "train/cats/0.png"
    assert data.names[9] == f"{held_out}/dogs/1.png"
    assert recipe_for(data).test_fraction is None
    np.testing.assert_array_equal(split(data)[1], data.held_out)


def test_beside_validation_images_the_test_images_are_left_for_later(tmp_path):
    parts(parts(tmp_path), "val")
    assert {name.partition("/")[0] for name in load_folder(tmp_path).names} == {"train", "val"}


def test_a_held_out_class_that_is_not_learnt_is_named(tmp_path):
    put(parts(tmp_path) / "test" / "birds" / "x.png")
    with pytest.raises(DataError, match=r"test.birds has no counterpart"):
        load_folder(tmp_path)


def cut(path):
    """A copy of the images' kind that ends in the middle of its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def test_images_that_cannot_be_read_are_left_out_and_named(pets):
    cut(pets / "dogs" / "cut.png")
    cut(pets / "cats" / "cut.jpg")
    (pets / "dogs" / "note.jpg").write_text("hello")
    (pets / "dogs" / "empty.png").write_bytes(b"")
    data = load_folder(pets, image_size=(8, 8))
    assert data.damaged == ("cats/cut.jpg", "dogs/cut.png", "dogs/empty.png", "dogs/note.jpg")
    assert data.names == (*(f"cats/{index}.png" for index in range(3)), *(f"dogs/{index}.png" for index in range(3)))
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(data.images[:, 0, 0, 0], [50 / 255] * 3 + [200 / 255] * 3, atol=1e-6)


def test_a_class_of_which_no_image_can_be_read_is_named(pets):
    for file in (pets / "dogs").iterdir():
        file.write_text("hello")
    with pytest.raises(DataError, match=r"no image of class dogs can be read: dogs/0\.png is damaged"):
        load_folder(pets)
    for file in (pets / "dogs").iterdir():
        cut(file)
    with pytest.raises(DataError, match=r"no image of class dogs can be read: dogs/0\.png is damaged"):
        load_folder(pets)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_an_unreadable_folder_is_named(pets):
    (pets / "cats").chmod(0)
    try:
        with pytest.raises(DataError, match="cats may not be read"):
            load_folder(pets)
    finally:
        (pets / "cats").chmod(0o700)


def test_photographs_of_three_classes_become_rgb_at_their_own_size(tmp_path):
    wanted = {f"train/{name}/{index:04d}.jpg" for name in ("frog", "ship", "truck") for index in range(8)}
    with tarfile.open(shared_data("cifar10_jpg_12k.tar")) as archive:
        for member in archive:
            if member.name in wanted:
                archive.extract(member, tmp_path, filter="data")
                wanted.remove(member.name)
            if not wanted:
                break
    data = load_folder(tmp_path / "train")
    assert data.images.shape == (24, 3, 32, 32)
    assert data.classes == ("frog", "ship", "truck")
    assert data.images.std() > 0.1
