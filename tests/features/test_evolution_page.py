"""Sprites, the film and its page, and the animation: what they show is what was recorded."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tinyconv.core.errors import ArgumentError, RunError, ShapeError
from tinyconv.features import (
    Features,
    Layer,
    evolution_frames,
    evolution_page,
    load_features,
    save_evolution_gif,
    save_features,
    write_evolution,
)
from tinyconv.features.colours import NOT_FINITE, Scale, colourise
from tinyconv.features.web import controls, film, film_scale, sprite
from tinyconv.features.web.trimming import select
from tinyconv.models.receptive_field import ReceptiveField

rng = np.random.default_rng(0)
MAPS = rng.normal(size=(3, 5, 8, 6)).astype(np.float32)
FIELD = ReceptiveField((3.0, 3.0), (2.0, 2.0), (0.5, 0.0))


def opened(picture):
    return Image.open(io.BytesIO(picture.png))


def tile(pixels, picture, frame, channel):
    height, width = picture.tile
    top = (frame * picture.rows + channel // picture.columns) * height
    left = channel % picture.columns * width
    return pixels[top : top + height, left : left + width]


@pytest.mark.parametrize("signed", [False, True])
def test_every_tile_of_a_sprite_is_the_map_of_its_epoch_and_channel(signed):
    maps = MAPS if signed else np.abs(MAPS)
    picture = sprite(maps)
    limit = float(np.abs(maps).max())
    pixels = np.array(opened(picture).convert("RGB"))
    for frame in range(3):
        for channel in range(5):
            expected = colourise(maps[frame, channel], Scale("shared", limit, signed))
            np.testing.assert_array_equal(tile(pixels, picture, frame, channel), expected)


def test_the_map_can_be_read_back_from_the_palette():
    picture = sprite(MAPS)
    levels = np.array(opened(picture)).astype(float)
    limit = float(picture.scale.limits[0, 0])
    values = levels / 255 * 2 * limit - limit
    for frame in range(3):
        for channel in range(5):
            np.testing.assert_allclose(tile(values, picture, frame, channel), MAPS[frame, channel], atol=limit / 255)


def test_wide_layers_are_laid_out_in_several_rows():
    maps = rng.random((2, 50, 1, 96))
    picture = sprite(maps)
    assert (picture.columns, picture.rows) == (42, 2)
    pixels = np.array(opened(picture).convert("RGB"))
    expected = colourise(maps[1, 49], Scale("shared", float(maps.max()), False))
    np.testing.assert_array_equal(tile(pixels, picture, 1, 49), expected)


def test_large_maps_are_averaged_and_say_so():
    picture = sprite(rng.random((1, 2, 200, 100)))
    assert (picture.reduction, picture.tile) == (3, (67, 34))
    assert "Drawn at 1/3 size" in film("conv1", [picture], [4])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("shared", [[8, 8], [8, 8]]),
        ("channel", [[6, 8], [6, 8]]),
        ("layer", [[4, 4], [8, 8]]),
    ],
)
def test_scales_are_taken_over_what_their_name_says(mode, expected):
    # (epochs, images, channels, 1, 1): the largest of both images counts.
    maps = np.array([[[1, 2], [3, 4]], [[5, 7], [6, 8]]], float)[..., None, None]
    np.testing.assert_array_equal(film_scale(maps, mode).limits, expected)


def test_what_is_no_number_is_magenta_and_counted():
    maps = MAPS.copy()
    maps[1, 2, 3, 4] = np.nan
    picture = sprite(maps)
    pixels = np.array(opened(picture).convert("RGB"))
    assert tuple(tile(pixels, picture, 1, 2)[3, 4]) == NOT_FINITE
    assert picture.not_finite[1, 2] == 1
    assert picture.not_finite.sum() == 1
    facts = json.loads(re.search(r'class="tc-facts">(.*?)</script>', film("conv1", [picture], [0, 1, 2]))[1])
    assert facts["images"][0]["bad"] == [{}, {"2": 1}, {}]


def test_constant_maps_are_hatched_at_their_epochs():
    maps = np.abs(MAPS)
    maps[2, 1] = 0.25
    html = film("conv1", [sprite(maps)], [0, 1, 2])
    assert re.findall(r'tc-constant" data-channel="(\d+)"', html) == ["1"]
    facts = json.loads(re.search(r'class="tc-facts">(.*?)</script>', html)[1])
    assert facts["images"][0]["constant"] == [[], [], [1]]


def test_sprites_that_do_not_belong_together_are_refused():
    with pytest.raises(ShapeError, match="for 2 epochs"):
        film("conv1", [sprite(MAPS)], [0, 1])
    with pytest.raises(ArgumentError, match="scale 'global' does not exist"):
        sprite(MAPS, "global")
    with pytest.raises(ShapeError, match="of one image"):
        sprite(MAPS, film_scale(MAPS[:, :3]))
    with pytest.raises(ShapeError, match="1 captions for 2 epochs"):
        controls([0, 1], ["start"])


def features(images=2, maps=None):
    maps = rng.random((3, images, 5, 8, 6)).astype(np.float32) if maps is None else maps
    layer = Layer("conv1", "conv1", "conv", "Convolution2d", (3, 3), (1, 1), (0, 0), (1, 1), FIELD)
    meta = {
        "epochs": [0, 1, 5],
        "layers": {"conv1": layer.as_json()},
        "probe_labels": ["<script>alert(1)</script>", "b"][:images],
        "channels": {"conv1": maps.shape[2]},
    }
    return Features({"conv1": maps}, rng.random((images, 1, 16, 12)).astype(np.float32), meta)


def test_a_page_is_the_same_for_equal_maps_and_asks_for_nothing():
    found = features()
    page = evolution_page(found, title="a run")
    assert page == evolution_page(found, title="a run")
    assert not re.search(r"https?://|@import|src=\"(?!data:)|<link", page)


def test_names_from_the_data_are_escaped():
    page = evolution_page(features(), title='a "run" <b>')
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "a &#34;run&#34; &lt;b&gt;" in page


def test_a_page_shows_every_layer_image_and_epoch():
    found = features()
    page = evolution_page(found, title="a run")
    uris = re.findall(r'background-image: url\("data:image/png;base64,([^"]*)"', page)
    scale = film_scale(found.arrays["conv1"])
    assert [base64.b64decode(uri) for uri in uris] == [
        sprite(found.arrays["conv1"][:, image], scale).png for image in range(2)
    ]
    assert re.findall(r"<li data-frame=.*>(\d+)</li>", page) == ["0", "1", "5"]


def test_the_layer_survives_the_way_through_the_archive(tmp_path):
    layer = Layer("conv1", "body.0", "conv", "Convolution2d", (3, 1), (2, 1), (0, 1), (1, 1), FIELD)
    path = save_features(tmp_path / "maps.npz", {"conv1": MAPS}, {"conv1": layer, "fc": Layer("fc")})
    record = load_features(path).meta["layers"]
    assert Layer.from_json("conv1", record["conv1"]) == layer
    assert Layer.from_json("fc", Layer("fc").as_json()) == Layer("fc")


def sizes(arrays, max_bytes):
    selection = select(arrays, "shared", max_bytes)
    pictures = selection.sprites["conv1"]
    return len(pictures), selection.frames, pictures[0].channels, selection.left_out


def test_what_does_not_fit_is_left_out_in_the_stated_order():
    arrays = {"conv1": rng.random((5, 3, 64, 8, 8))}
    one = len(sprite(arrays["conv1"][:, 0]).png) * 4 // 3
    assert sizes(arrays, 10 * one) == (3, [0, 1, 2, 3, 4], 64, [])
    assert sizes(arrays, 2.5 * one) == (2, [0, 1, 2, 3, 4], 64, ["2 of 3 recorded images"])
    assert sizes(arrays, 0.7 * one)[:3] == (1, [0, 2, 4], 64)
    assert sizes(arrays, 0.5 * one)[:3] == (1, [0, 4], 64)
    images, frames, channels, sentences = sizes(arrays, 0.15 * one)
    assert (images, frames, channels) == (1, [0, 4], 16)
    assert sentences == [
        "1 of 3 recorded images",
        "2 of 5 recorded epochs",
        "the first 16 channels of a layer, of up to 64",
    ]
    assert "this page shows 1 of 2 recorded images" in evolution_page(features(), title="", max_bytes=0)


def test_the_frames_of_an_animation_differ_in_the_maps_and_the_epoch_alone():
    maps = np.abs(MAPS)
    maps[1, 1] = 0  # a remark in the head of this frame only must not move what is below
    frames = evolution_frames(maps, [0, 1, 5], "conv1")
    assert len({frame.shape for frame in frames}) == 1
    different = (frames[0] != frames[1]).any(axis=2)
    assert different[:60].any()  # the head says the epoch
    assert not different[:-44, -100:].any()  # the colour bar stays where it is
    same = evolution_frames(np.stack([maps[2]] * 2), [5, 5], "conv1")
    # The marks of the timeline stand below the maps.
    np.testing.assert_array_equal(same[0][:-44], same[1][:-44])
    assert (same[0][-44:] != same[1][-44:]).any()


def test_an_animation_keeps_the_colours_of_the_scale(tmp_path):
    maps = np.abs(MAPS)
    path = save_evolution_gif(tmp_path / "conv1.gif", maps, [0, 1, 5], "conv1")
    frames = evolution_frames(maps, [0, 1, 5], "conv1")
    with Image.open(path) as found:
        assert (found.n_frames, found.info["loop"]) == (3, 0)
        durations = []
        for number, frame in enumerate(frames):
            found.seek(number)
            durations.append(found.info["duration"])
            shown = np.array(found.convert("RGB")).astype(int)
            assert shown.shape == frame.shape
            assert tuple(shown[0, 0]) == (255, 255, 255)
            white = (frame == 255).all(axis=2)
            assert (shown[white] == 255).all()
    assert durations == [800, 800, 2400]


def test_equal_maps_make_equal_animations(tmp_path):
    paths = [save_evolution_gif(tmp_path / name, MAPS, [0, 1, 5], "conv1") for name in ("a.gif", "b.gif")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_folder_that_has_no_recording_is_refused(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        write_evolution(tmp_path / "none", tmp_path / "out")
    found = features()
    with pytest.raises(RunError, match="no recording along a training"):
        evolution_page(Features(found.arrays, None, {}), title="")
    with pytest.raises(RunError, match="conv1 has not 3 epochs of 2 images"):
        evolution_page(Features({"conv1": MAPS}, None, found.meta), title="")
