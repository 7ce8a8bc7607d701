"""Images that are decoded when asked for are those that would be in memory, bit for bit."""

import numpy as np
import PIL.Image
import pytest

from tinyconv.data import decoding, folder
from tinyconv.data.image_files import ImageFile
from tinyconv.data.images import ImageData, read_image, rows
from tinyconv.data.sources import load
from tinyconv.train import Batches, Experiment, Preprocessing, Recipe

RANDOM = np.random.default_rng(0)


def photos(path, mode="RGB", deep=False):
    for index in range(10):
        file = path / "ab"[index % 2] / f"{index}.{'png' if deep else 'jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (20 + index, 18) if mode == "L" else (20 + index, 18, 3)
        pixels = RANDOM.integers(0, 4096 if deep else 256, shape, np.uint16 if deep else np.uint8)
        PIL.Image.fromarray(pixels).save(file)
    return path


def lazily(path, monkeypatch, cached):
    """The images of a folder that are too many for the memory: the first ``cached`` are kept."""
    monkeypatch.setattr(decoding.decode_all, "__defaults__", (0,))
    monkeypatch.setattr(decoding, "_memory", lambda: cached * decoding.CACHE_SHARE * 3 * 16 * 16)
    return load(f"folder:{path}", (16, 16))


@pytest.mark.parametrize("cached", [0, 4, 99])
def test_every_way_of_indexing_gives_what_the_array_gives(tmp_path, monkeypatch, cached):
    array = load(f"folder:{photos(tmp_path)}", (16, 16)).images
    assert isinstance(array, np.ndarray)
    lazy = lazily(tmp_path, monkeypatch, cached).images
    assert isinstance(lazy, decoding.DecodedImages)
    assert (lazy.shape, lazy.dtype, lazy.ndim, len(lazy)) == (array.shape, array.dtype, 4, 10)
    for key in (0, -1, slice(2, 7), [3, 1, 3], np.array([9, 0]), np.arange(10) % 2 == 0, (slice(None), 0, 1), (2, 1)):
        np.testing.assert_array_equal(lazy[key], array[key])
    chosen = np.array([8, 1, 5])
    np.testing.assert_array_equal(rows(lazy, chosen)[np.array([2, 0])], array[[5, 8]])
    np.testing.assert_array_equal(rows(rows(lazy, chosen), np.array([1]))[0], array[1])
    np.testing.assert_array_equal(np.asarray(lazy), array)


def test_training_sees_the_same_batches_and_the_same_normalisation(tmp_path, monkeypatch):
    recipe = Recipe(epochs=1, batch_size=4, test_fraction=0.4)

    def inputs(data: ImageData):
        experiment = Experiment.prepare(data, recipe)
        batches = [*experiment.train_batches(), *experiment.test_batches()]
        return np.concatenate([images.numpy() for images, _ in batches]), experiment

    array, _ = inputs(load(f"folder:{photos(tmp_path)}", (16, 16)))
    lazy, experiment = inputs(lazily(tmp_path, monkeypatch, 3))
    np.testing.assert_allclose(lazy, array, rtol=1e-5, atol=1e-6)
    images = rows(experiment.data.images, experiment.train_indices)
    assert isinstance(images, decoding.DecodedImages)
    fitted, expected = Preprocessing.fit(images), Preprocessing.fit(images[:])
    np.testing.assert_allclose(fitted.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(fitted.std, expected.std, rtol=1e-6)


def test_threads_that_decode_beside_each_other_change_nothing(tmp_path, monkeypatch):
    data = lazily(photos(tmp_path), monkeypatch, 0)
    preprocessing = Preprocessing.fit(data.images)
    passes = [
        np.concatenate([x.numpy() for x, _ in Batches(data.images, data.labels, 2, preprocessing, prefetch=prefetch)])
        for prefetch in (0, 4)
    ]
    np.testing.assert_array_equal(*passes)


def test_gray_photographs_stored_in_colour_have_one_channel(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).mkdir()
        PIL.Image.fromarray(np.repeat(RANDOM.integers(0, 256, (9, 9, 1), np.uint8), 3, 2)).save(
            tmp_path / name / "x.png"
        )
    array, lazy = load(f"folder:{tmp_path}", (16, 16)), lazily(tmp_path, monkeypatch, 1)
    assert array.channels == lazy.channels == 1
    np.testing.assert_array_equal(lazy.images[:], array.images)


def test_images_of_more_than_8_bits_keep_their_steps(tmp_path, monkeypatch):
    array = load(f"folder:{photos(tmp_path, 'L', deep=True)}", (16, 16)).images
    assert len(np.unique(array)) > 1000, "12 bits in files of 16: 16 steps of 8 bits"
    np.testing.assert_array_equal(lazily(tmp_path, monkeypatch, 2).images[:], array)


def test_a_damaged_file_is_left_out_however_many_there_are(tmp_path, monkeypatch):
    photos(tmp_path)
    file = tmp_path / "a" / "2.jpg"
    file.write_bytes(file.read_bytes()[:-200])  # its header can be read, its last pixels cannot
    array, lazy = load(f"folder:{tmp_path}", (16, 16)), lazily(tmp_path, monkeypatch, 4)
    assert array.damaged == lazy.damaged == ("a/2.jpg",)
    assert array.names == lazy.names
    np.testing.assert_allclose(Preprocessing.fit(lazy.images).mean, Preprocessing.fit(array.images).mean, rtol=1e-6)
    np.testing.assert_array_equal(lazy.images[:], array.images)
    assert folder.folder(tmp_path, (16, 16)).labels.tolist() == [0] * 4 + [1] * 5


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "P", "1", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_bytes_taken_as_they_are_are_what_the_long_way_gives(tmp_path, mode, orientation):
    file = tmp_path / f"x.{'tif' if mode == 'CMYK' else 'png'}"
    image = PIL.Image.fromarray(RANDOM.integers(0, 256, (8, 8, 3), np.uint8)).convert(mode)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(file, exif=exif)
    for channels in (1, 3):
        taken = decoding.decode(ImageFile("x", lambda: file.open("rb")), channels, (8, 8), np.dtype(np.uint8))
        np.testing.assert_array_equal(taken, np.rint(read_image(file, channels) * 255))
