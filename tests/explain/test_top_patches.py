"""The patches that units answer to most, found among images where the answer is known."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.explain.synthesis import top_patches
from tinyconv.explain.synthesis.patches import signed_pixels, strongest_of_all
from tinyconv.explain.synthesis.tiles import Sheet, Tile, mosaic
from tinyconv.features import capture


@pytest.fixture(scope="module")
def model():
    tc.manual_seed(5)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(80, 4)).to(tc.float64)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(6).standard_normal((70, 1, 14, 14))


def test_the_strongest_of_all_images_are_found_across_batches_each_image_once(model, images):
    found = top_patches(model, images, "conv2", [4, 1], count=9)
    with capture(model, "conv2") as activations:
        model(tc.tensor(images))
    for number, channel in enumerate((4, 1)):
        maps = activations["conv2"][:, channel].reshape(70, -1)
        order = np.argsort(-maps.max(axis=1), kind="stable")[:9]
        assert found.indices[number].tolist() == order.tolist()
        np.testing.assert_allclose(found.values[number], maps.max(axis=1)[order], rtol=1e-12)
        rows = found.positions[number, :, 0] * 4 + found.positions[number, :, 1]
        assert rows.tolist() == maps[order].argmax(axis=1).tolist()
    assert found.looked_at == 70


def test_the_unit_sees_its_patch_and_nothing_else(model, images):
    found = top_patches(model, images, "conv2", [2], count=3)
    for place in range(3):
        top, left, bottom, right = found.boxes[0, place]
        patch = np.zeros_like(images[:1])
        patch[0, :, top:bottom, left:right] = found.patches(0)[place]
        with capture(model, "conv2") as activations:
            model(tc.tensor(patch))
        row, column = found.positions[0, place]
        np.testing.assert_allclose(activations["conv2"][0, 2, row, column], found.values[0, place], rtol=1e-12)


def test_the_projection_has_exact_zeros_outside_the_patch_and_something_within(model, images):
    found = top_patches(model, images, "relu2", [0, 3], count=4)
    for number in range(2):
        for place, (top, left, bottom, right) in enumerate(found.boxes[number]):
            outside = found.projections[number, place].copy()
            assert outside.any()
            outside[:, top:bottom, left:right] = 0
            assert not outside.any()


def test_a_planted_pattern_is_the_first_of_its_detector():
    random = np.random.default_rng(7)
    images = random.uniform(0, 0.2, (30, 1, 10, 10))
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0.0]])
    images[17, 0, 4:7, 6:9] = cross
    model = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.Flatten()).to(tc.float64)
    with tc.no_grad():
        model[0].weight.copy_(tc.tensor(2 * cross - 1)[None, None])
    found = top_patches(model, images, "conv1", count=2)
    assert found.indices[0, 0] == 17
    assert found.boxes[0, 0].tolist() == [4, 6, 7, 9]
    np.testing.assert_array_equal(found.patches(0)[0][0], cross)


def test_a_dead_channel_is_called_dead(model, images):
    dying = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten()).to(tc.float64)
    with tc.no_grad():
        dying[0].bias.copy_(tc.tensor([-1000.0, 0.0]))
    found = top_patches(dying, images, "relu1", count=4)
    assert found.dead.tolist() == [True, False]
    assert found.sheet().tiles[0].caption[:2] == ["channel 0", "0 everywhere: dead"]


def test_a_channel_is_not_dead_because_one_image_is_shown_or_all_raise_it_alike(model, images):
    for count, batch in ((1, images), (3, np.repeat(images[:1], 3, axis=0))):
        found = top_patches(model, batch, "relu2", [0, 3], count=count)
        assert found.dead.tolist() == [False, False]
        captions = [tile.caption[1] for tile in found.sheet().tiles[::2]]
        assert all(caption.startswith("activation ") and " to " not in caption for caption in captions)


def test_layers_without_maps_see_the_whole_image(model, images):
    found = top_patches(model, images, "linear1", count=2)
    assert (found.boxes == [0, 0, 14, 14]).all()
    values, _ = strongest_of_all(model, images, "linear1")
    np.testing.assert_array_equal(found.values[:, 0], values.max(axis=0))


def test_the_sheet_is_the_same_twice_and_says_whose_patches_they_are(model, images):
    labels = ["ann"] * 40 + ["bob<script>"] * 30
    first, again = (top_patches(model, images, "conv2", [0], labels=labels).sheet() for _ in range(2))
    assert first.png() == again.png()
    names = first.tiles[0].caption[2]
    assert "× ann" in names or "× bob" in names
    assert "70 real images" in first.details[0]
    assert "8×8 pixels" in first.details[0]


def test_a_signed_map_is_white_at_zero_red_above_and_blue_below():
    pixels = signed_pixels(np.array([[0.0, 2.0, -2.0]])).astype(int)[0]
    assert (abs(pixels[0] - 247) < 5).all()
    assert pixels[1, 0] > pixels[1, 2] + 50
    assert pixels[2, 2] > pixels[2, 0] + 50
    assert (signed_pixels(np.zeros((2, 2))) == pixels[0]).all()


def test_a_mosaic_puts_what_is_cut_off_at_its_edge():
    whole, cut = np.zeros((1, 20, 20)), np.zeros((1, 12, 20))
    upper = mosaic([whole, cut], 2, np.array([[True, True], [True, False]]))
    lower = mosaic([whole, cut], 2, np.array([[False, False], [False, False]]))
    assert upper.shape == (40, 82, 3)
    assert (upper[:16, 42:] == 235).all()
    assert not upper[16:, 42:].any()
    assert (lower[24:, 42:] == 235).all()
    assert (lower[:, 40:42] == 255).all()


def test_a_sheet_has_room_for_every_line_and_every_row():
    tile = Tile(np.zeros((1, 4, 4)), ("a", "b"))
    small = Sheet("title", ["short"], [tile] * 3)
    assert small.height < Sheet("title", ["short"], [tile] * 7).height
    assert small.height < Sheet("title", ["many words " * 40], [tile] * 3).height
    assert small.width == Sheet("title", [], [tile]).width
    assert small.figure().get_size_inches().tolist() == [small.width, small.height]


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ArgumentError, "no layer matches 'conf'", {"layer": "conf"}),
        (DimensionError, "5", {"channels": [5]}),
        (ArgumentError, "at least 1 patch", {"count": 0}),
        (ArgumentError, "a label for each of 70", {"labels": ["a"]}),
        (ShapeError, r"\(N, C, H, W\)", {"images": np.zeros((14, 14))}),
        (ArgumentError, "guided", {"rule": "guide"}),
    ],
)
def test_mistakes_are_named(model, images, error, words, call):
    with pytest.raises(error, match=words):
        top_patches(**{"model": model, "images": images, "layer": "conv2", "channels": [0]} | call)
