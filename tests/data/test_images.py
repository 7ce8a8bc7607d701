import io
import tempfile
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import DataError
from tinyconv.data.images import ImageData, read_image, resize

RAMP = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5


def written(tmp_path, array, mode=None, name="image.png", **options):
    image = PIL.Image.fromarray(array)
    path = tmp_path / name
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_gray_bytes_become_fractions_of_255(tmp_path):
    pixels = read_image(written(tmp_path, RAMP), channels=1)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, RAMP[None].astype(np.float32) / np.float32(255))


def test_rgb_keeps_its_channels_apart_and_in_order(tmp_path):
    rgb = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2)
    pixels = read_image(written(tmp_path, rgb), channels=3)
    np.testing.assert_allclose(pixels, rgb.transpose(2, 0, 1) / 255, atol=1e-7)


def test_gray_asked_for_as_rgb_has_three_equal_channels(tmp_path):
    pixels = read_image(written(tmp_path, RAMP), channels=3)
    assert pixels.shape == (3, 6, 8)
    assert (pixels == pixels[0]).all()


def test_colour_asked_for_as_gray_is_itu_601_luma(tmp_path):
    rgb = np.zeros((1, 3, 3), np.uint8)
    rgb[0, 0, 0], rgb[0, 1, 1], rgb[0, 2, 2] = 255, 255, 255
    pixels = read_image(written(tmp_path, rgb), channels=1)
    np.testing.assert_allclose(pixels[0, 0], [0.299, 0.587, 0.114], atol=1e-6)


def test_white_in_colour_is_exactly_one_in_gray(tmp_path):
    assert read_image(written(tmp_path, np.full((2, 2, 3), 255, np.uint8)), channels=1).max() == 1.0


@pytest.mark.parametrize("name", ["image.png", "image.tif", "image.pgm"])
def test_sixteen_bits_keep_their_depth(tmp_path, name):
    deep = np.array([[0, 1, 257], [30000, 65534, 65535]], np.uint16)
    pixels = read_image(written(tmp_path, deep, name=name), channels=1)
    np.testing.assert_allclose(pixels[0], deep / 65535, atol=1e-7)


def test_floating_point_tiff_is_taken_as_it_is_or_divided_by_255(tmp_path):
    unit = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(read_image(written(tmp_path, unit, name="u.tif"), 1)[0], unit)
    np.testing.assert_allclose(read_image(written(tmp_path, unit * 255, name="b.tif"), 1)[0], unit, atol=1e-7)


def test_floating_point_outside_any_convention_is_refused_with_its_range(tmp_path):
    path = written(tmp_path, np.array([[-3.0, 1e6]], np.float32), name="wild.tif")
    with pytest.raises(DataError, match=r"wild\.tif.*-3 to 1e\+06"):
        read_image(path, 1)


def test_nan_pixels_are_refused(tmp_path):
    with pytest.raises(DataError, match="nan"):
        read_image(written(tmp_path, np.array([[np.nan, 0.5]], np.float32), name="nan.tif"), 1)


def test_palette_images_are_read_through_their_palette(tmp_path):
    rgb = np.zeros((4, 4, 3), np.uint8)
    rgb[:2] = [200, 10, 30]
    path = tmp_path / "p.png"
    PIL.Image.fromarray(rgb).quantize(4).save(path)
    with PIL.Image.open(path) as image:
        assert image.mode == "P"
    np.testing.assert_allclose(read_image(path, 3)[:, 0, 0], np.array([200, 10, 30]) / 255, atol=0.01)


@pytest.mark.parametrize("mode", ["1", "LA", "CMYK", "RGBA", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_colour_mode_gives_finite_pixels_in_the_unit_range(tmp_path, mode, channels):
    name = "image.tif" if mode == "CMYK" else "image.png"
    rgb = np.repeat(RAMP[:, :, None], 3, axis=2)
    pixels = read_image(written(tmp_path, rgb, mode, name), channels)
    assert pixels.shape == (channels, 6, 8)
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert pixels.std() > 0.1


def test_transparency_is_laid_over_the_background(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = [0, 128, 255]  # black, ever more opaque
    path = written(tmp_path, rgba)
    np.testing.assert_allclose(read_image(path, 1)[0, 0], [1, 1 - 128 / 255, 0], atol=1e-6)
    np.testing.assert_array_equal(read_image(path, 1, background=0.0)[0, 0], [0, 0, 0])


def test_a_transparent_palette_entry_shows_the_background(tmp_path):
    image = PIL.Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putdata([0, 1])
    image.save(tmp_path / "t.png", transparency=0)
    np.testing.assert_allclose(read_image(tmp_path / "t.png", 3)[:, 0], [[1, 1], [1, 0], [1, 0]])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_image_upright(tmp_path, orientation):
    # How each tag value stores an upright image (Exif 2.3, tag 274), undone by the reader.
    stored = {
        1: RAMP,
        2: RAMP[:, ::-1],
        3: RAMP[::-1, ::-1],
        4: RAMP[::-1],
        5: RAMP.T,
        6: RAMP.T[::-1],
        7: RAMP.T[::-1, ::-1],
        8: RAMP.T[:, ::-1],
    }[orientation]
    image = PIL.Image.fromarray(np.ascontiguousarray(stored))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_allclose(read_image(tmp_path / "turned.png", 1)[0], RAMP / 255, atol=1e-7)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [PIL.Image.fromarray(np.full((3, 3), value, np.uint8)) for value in (255, 0)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif", 1).min() == 1.0


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.png does not exist"):
        read_image(tmp_path / "nowhere.png", 1)


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path, 1)


def test_a_text_file_is_not_an_image(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not pixels")
    with pytest.raises(DataError, match=r"notes\.png is not an image"):
        read_image(path, 1)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "ppm", "webp"])
def test_a_truncated_file_is_called_damaged_in_one_line(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    path = written(tmp_path, noise, name=f"cut.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"cut\.{suffix}") as caught:
        read_image(path, 3)
    assert "\n" not in str(caught.value)


@given(st.data())
def test_a_file_with_random_damage_gives_pixels_or_a_data_error(data):
    suffix = data.draw(st.sampled_from(["png", "jpeg", "gif", "bmp", "tiff", "ppm", "webp"]))
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(stream, suffix)
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
        path = Path(folder) / f"damaged.{suffix}"
        path.write_bytes(content)
        try:
            pixels = read_image(path, 3, (4, 4))
        except DataError:
            return
        assert pixels.shape == (3, 4, 4)
        assert np.isfinite(pixels).all()


def test_only_gray_and_rgb_can_be_asked_for(tmp_path):
    with pytest.raises(DataError, match="not 4"):
        read_image(written(tmp_path, RAMP), channels=4)


def test_resizing_keeps_a_constant_constant_and_a_size_exact():
    images = np.full((2, 3, 10, 7), 0.3, np.float32)
    small = resize(images, (4, 5))
    assert small.shape == (2, 3, 4, 5)
    np.testing.assert_allclose(small, 0.3, atol=1e-6)


def test_reducing_averages_so_that_fine_stripes_become_gray():
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (64, 32))
    small = resize(stripes, (16, 16))
    np.testing.assert_allclose(small[:, 2:-2], 0.5, atol=0.05)


def test_height_and_width_are_not_exchanged():
    image = np.zeros((4, 8), np.float32)
    image[0] = 1
    result = resize(image, (8, 16))
    assert result.shape == (8, 16)
    assert result[0].min() > 0.9
    assert result[-1].max() < 0.1


def test_an_image_size_of_zero_is_refused():
    with pytest.raises(DataError, match="0x4"):
        resize(np.zeros((2, 2), np.float32), (0, 4))


def test_resized_image_data_keeps_everything_but_the_size():
    data = ImageData("d", np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1]), ("a", "b"), "me", True, skipped=3)
    smaller = data.resized((2, 3))
    assert smaller.image_size == (2, 3)
    assert (smaller.name, smaller.classes, smaller.credit, smaller.mirror, smaller.skipped) == (
        ("d", ("a", "b"), "me", True, 3)
    )
    assert data.resized(None) is data
    assert data.resized((4, 4)) is data
