import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared_data

from tinyconv.core.errors import DataError
from tinyconv.data.npz import nchw
from tinyconv.data.sources import load


def stored(tmp_path, **arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    return f"npz:{tmp_path / 'set.npz'}"


BYTES = np.random.default_rng(0).integers(0, 256, (4, 5, 6), dtype=np.uint8)
LABELS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")])
def test_images_and_labels_go_by_their_usual_names(tmp_path, images, labels):
    data = load(stored(tmp_path, **{images: BYTES, labels: LABELS}))
    np.testing.assert_allclose(data.images[:, 0], BYTES / 255, atol=1e-7)
    assert data.labels.tolist() == [0, 1, 1, 0]
    assert data.classes == ("0", "1")


@given(st.integers(1, 3), st.integers(4, 9), st.integers(4, 9), st.sampled_from([1, 3]))
def test_channels_are_found_first_or_last(samples, height, width, channels):
    images = np.arange(samples * channels * height * width).reshape(samples, channels, height, width)
    np.testing.assert_array_equal(nchw(images, ""), images)
    np.testing.assert_array_equal(nchw(images.transpose(0, 2, 3, 1), ""), images)


def test_where_both_readings_fit_channels_come_first(tmp_path):
    images = np.zeros((2, 3, 8, 3), np.uint8)
    assert load(stored(tmp_path, images=images, labels=[0, 1])).images.shape == (2, 3, 8, 3)


@pytest.mark.parametrize(
    ("array", "white"), [(BYTES, 255), (BYTES.astype(np.uint16), 65535), (BYTES > 99, 1), (BYTES / 255, 1)]
)
def test_every_pixel_type_has_its_white(tmp_path, array, white):
    data = load(stored(tmp_path, images=array, labels=LABELS))
    assert data.images.dtype == np.float32
    np.testing.assert_allclose(data.images[:, 0], array / white, atol=1e-6)


def test_labels_may_be_any_distinct_integers(tmp_path):
    data = load(stored(tmp_path, images=BYTES, labels=[7, -2, 7, 30]))
    assert data.labels.tolist() == [1, 0, 1, 2]
    assert data.classes == ("-2", "7", "30")


def test_labels_may_be_names(tmp_path):
    data = load(stored(tmp_path, images=BYTES, labels=["pear", "fig", "fig", "pear"]))
    assert data.labels.tolist() == [1, 0, 0, 1]
    assert data.classes == ("fig", "pear")


def test_class_names_are_indexed_by_the_labels(tmp_path):
    data = load(stored(tmp_path, images=BYTES, labels=LABELS, classes=["pear", "fig", "kiwi"]))
    assert data.classes == ("pear", "fig", "kiwi")
    assert data.labels.tolist() == [0, 1, 1, 0]


def test_class_names_set_the_order_of_labels_that_are_names(tmp_path):
    data = load(stored(tmp_path, images=BYTES, labels=["a", "b", "b", "a"], classes=["b", "a"]))
    assert data.labels.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"pictures": BYTES, "labels": LABELS}, "no array of images.*pictures"),
        ({"images": BYTES}, "no array of labels"),
        ({"images": BYTES, "labels": LABELS[:3]}, "4 images but 3 labels"),
        ({"images": BYTES[0], "labels": LABELS}, r"shape \(5, 6\)"),
        ({"images": np.zeros((4, 8, 8, 4), np.uint8), "labels": LABELS}, "channel count"),
        ({"images": np.zeros((0, 8, 8), np.uint8), "labels": LABELS[:0]}, "is empty"),
        ({"images": BYTES.astype(np.int64), "labels": LABELS}, "type int64"),
        ({"images": BYTES.astype(float), "labels": LABELS}, r"lie in \[0, 1\]"),
        ({"images": np.full((4, 2, 2), np.nan), "labels": LABELS}, "images contain NaN"),
        ({"images": BYTES, "labels": LABELS / 2}, r"type float64.*convert with \.astype\(int\)"),
        ({"images": BYTES, "labels": np.eye(4, dtype=int)}, r"shape \(4, 4\)"),
        ({"images": BYTES, "labels": LABELS * 0}, "one class only"),
        ({"images": BYTES, "labels": LABELS + 1, "classes": ["a", "b"]}, "contains 2.*2 classes"),
        ({"images": BYTES, "labels": LABELS - 1, "classes": ["a", "b"]}, "contains -1"),
    ],
)
def test_unusable_arrays_are_named_with_what_is_wrong(tmp_path, arrays, words):
    with pytest.raises(DataError, match=words) as caught:
        load(stored(tmp_path, **arrays))
    assert "set.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_python_objects_are_never_unpickled(tmp_path):
    with pytest.raises(DataError, match="Python objects"):
        load(stored(tmp_path, images=np.array([{}, None], dtype=object), labels=[0, 1]))


def test_a_missing_file_a_folder_and_foreign_bytes_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load(f"npz:{tmp_path / 'no.npz'}")
    with pytest.raises(DataError, match="is a folder"):
        load(f"npz:{tmp_path}")
    for content in (b"", b"hello, world", b"PK\x03\x04 but then nothing"):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.npz"):
            load(f"npz:{tmp_path / 'bad.npz'}")


def test_a_truncated_archive_is_called_damaged(tmp_path):
    stored(tmp_path, images=BYTES, labels=LABELS)
    path = tmp_path / "set.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="damaged"):
        load(f"npz:{path}")


def test_a_flipped_bit_inside_an_archive_is_noticed(tmp_path):
    np.savez_compressed(tmp_path / "set.npz", images=np.zeros((4, 50, 50), np.uint8), labels=LABELS)
    content = bytearray((tmp_path / "set.npz").read_bytes())
    content[60] ^= 0xFF
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"set\.npz"):
        load(f"npz:{tmp_path / 'set.npz'}")


def test_a_single_array_file_is_explained(tmp_path):
    np.save(tmp_path / "one.npy", BYTES)
    with pytest.raises(DataError, match="single array"):
        load(f"npz:{tmp_path / 'one.npy'}")


def test_cropped_faces_with_their_names_as_labels(tmp_path):
    with np.load(shared_data("lfwcrop_64x64.npz"), allow_pickle=False) as archive:
        spec = stored(tmp_path, images=archive["images"][:300], labels=archive["names"][:300])
    data = load(spec)
    assert data.images.shape == (300, 1, 64, 64)
    assert len(data.classes) > 1
    assert len(set(data.labels.tolist())) == len(data.classes)
