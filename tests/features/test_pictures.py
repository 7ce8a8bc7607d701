import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from tinyconv.core.errors import ArgumentError, DimensionError, RunError, ShapeError
from tinyconv.features import Layer, evolution_strip, feature_grid, save_evolution_strip, save_feature_grid
from tinyconv.features.canvas import GAP, LABEL_HEIGHT, MARGIN, Page, shrink, text_width, wrap
from tinyconv.features.colours import (
    NOT_FINITE,
    Scale,
    colour_table,
    colourise,
    format_number,
    is_constant,
    scale_of,
    standardised,
)
from tinyconv.features.evolution import most_changed
from tinyconv.features.grids import MAX_CHANNELS, arrange, columns_for
from tinyconv.features.input_panel import FIELD_COLOUR, image_pixels
from tinyconv.models.receptive_field import ReceptiveField

rng = np.random.default_rng(5)
LAYER = Layer("conv1", "conv1", "conv", "Convolution2d", (3, 3), (1, 1), (1, 1), (1, 1), ReceptiveField((3, 3)))


def expected_colour(value, scale):
    share = (value - scale.low) / (scale.limit - scale.low)
    table = colormaps["RdBu_r" if scale.signed else "viridis"](np.arange(256), bytes=True)
    return tuple(int(part) for part in table[round(share * 255)][:3])


def written_texts(monkeypatch):
    """What pages write, and a check that all of it lies inside the page."""
    texts = []
    original = Page.text

    def text(page, x, y, text, size=14, *, bold=False, colour=(25, 25, 30), anchor="lt"):
        left, top, right, bottom = page.pencil.textbbox((x, y), text, font=page_font(size, bold), anchor=anchor)
        width, height = page.pencil.im.size
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
        texts.append(text)
        original(page, x, y, text, size, bold=bold, colour=colour, anchor=anchor)

    from tinyconv.features.canvas import font as page_font

    monkeypatch.setattr(Page, "text", text)
    return texts


@pytest.mark.parametrize("signed", [False, True])
def test_every_value_has_its_colour_at_its_place(signed):
    maps = rng.uniform(-1 if signed else 0, 1, (6, 5, 7)).astype(np.float32)
    maps[0, 0, 0] = 1  # the only pixel of the strongest colour in the first cell
    picture = feature_grid(maps, "conv1")
    scale = Scale("layer", 1.0, signed)
    grid = arrange(6, 5, 7)
    top = min(np.argwhere((picture == np.array(expected_colour(1, scale))).all(axis=2) & in_cells(picture))[:, 0])
    left = MARGIN + (grid.cell[1] - 7 * grid.enlarge) // 2
    for channel, i, j in [(0, 0, 0), (1, 4, 6), (2, 2, 3), (3, 0, 6), (5, 4, 0)]:
        row, column = divmod(channel, grid.columns)
        y = top + row * (grid.cell[0] + LABEL_HEIGHT + GAP) + i * grid.enlarge
        x = left + column * (grid.cell[1] + GAP) + j * grid.enlarge
        square = picture[y : y + grid.enlarge, x : x + grid.enlarge]
        assert {tuple(int(p) for p in pixel) for pixel in square.reshape(-1, 3)} == {
            expected_colour(float(maps[channel, i, j]), scale)
        }


def in_cells(picture):
    """A mask of the leftmost part of a picture without input panel: no colour bar there."""
    mask = np.zeros(picture.shape[:2], bool)
    mask[:, : MARGIN + 60] = True
    return mask


def test_zero_is_the_white_middle_of_a_signed_scale_and_the_dark_end_of_the_other():
    signed = colourise(np.array([-2.0, 0.0, 2.0]), Scale("layer", 2.0, signed=True))
    assert signed[1].min() > 240
    assert signed[0, 2] > signed[0, 0]  # blue below zero
    assert signed[2, 0] > signed[2, 2]  # red above
    plain = colourise(np.array([0.0, 1.0, 2.0]), Scale("layer", 2.0, signed=False)).sum(axis=1)
    assert plain[0] < plain[1] < plain[2]


def test_the_scale_is_signed_only_where_a_value_is_negative_and_ignores_what_is_not_finite():
    assert scale_of(np.array([0.0, 3.0, np.nan, np.inf])) == Scale("layer", 3.0, signed=False)
    assert scale_of(np.array([-4.0, 3.0, -np.inf])) == Scale("layer", 4.0, signed=True)
    assert scale_of([np.array([1.0]), np.array([5.0])], "shared") == Scale("shared", 5.0, signed=False)
    assert scale_of(np.array([np.nan])).limit == 0
    with pytest.raises(ArgumentError, match="'global' does not exist: choose one of channel, layer, shared"):
        scale_of(np.array([1.0]), "global")


def test_equal_arguments_give_equal_bytes_and_no_metadata_but_the_software(tmp_path):
    maps = rng.standard_normal((8, 6, 6)).astype(np.float32)
    image = rng.random((1, 12, 12)).astype(np.float32)
    first = save_feature_grid(tmp_path / "a" / "first.png", maps, LAYER, image=image, epoch=3, subject="probe 1")
    second = save_feature_grid(tmp_path / "second.png", maps.copy(), LAYER, image=image, epoch=3, subject="probe 1")
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.info == {"Software": "tinyconv"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "second.png"]
    other = save_feature_grid(tmp_path / "other.png", maps, LAYER, image=image, epoch=4, subject="probe 1")
    assert other.read_bytes() != first.read_bytes()


def test_the_picture_states_layer_window_epoch_subject_scale_and_every_channel(monkeypatch):
    texts = written_texts(monkeypatch)
    maps = rng.uniform(0, 2, (32, 10, 10))
    maps[3] = 0
    maps[4] = 0.25
    maps[7, 2, 2] = 2.5
    feature_grid(maps, LAYER, image=rng.random((3, 10, 10)), epoch=5, subject="probe 2 (face)")
    said = "\n".join(texts)
    assert "conv1: 32 feature maps of 10×10 pixels" in said
    assert "Epoch 5 · probe 2 (face)" in said
    assert "Convolution 3×3, stride 1, padding 1 · one map pixel sees 3×3 pixels of the input" in said
    assert "Colour scale: one for the whole layer, 0 to 2.5" in said
    assert "1 of 32 channels dead on this image (0 everywhere) · 1 of 32 channels constant" in said
    assert [text for text in texts if text.isdigit() and text != "0"] == [str(n) for n in range(1, 32)]
    assert texts.count("constant") == 2
    assert "0.25" in texts


@pytest.mark.parametrize(
    "shape", [(1, 25, 25), (7, 1, 9), (5, 9, 1), (300, 3, 3), (64,), (2,), (3, 500, 90), (16, 64, 64), (32, 224, 224)]
)
@pytest.mark.parametrize("scale", ["layer", "channel"])
def test_no_text_of_a_grid_is_clipped(monkeypatch, shape, scale):
    texts = written_texts(monkeypatch)
    maps = rng.standard_normal(shape) * 1234.5
    maps[0] = 0
    long_name = "features.branch_of_a_network_with_long_names.residual_block_number_seventeen.convolution_one" * 2
    layer = Layer(long_name, kind="conv", operation="Convolution2d", kernel_size=(3, 3), stride=(2, 1))
    picture = feature_grid(maps, layer, image=rng.random((1, 300, 200)), subject="a subject " * 30, scale=scale)
    assert texts
    assert picture.shape[1] < 1700


def test_constant_channels_are_hatched_and_not_coloured():
    maps = rng.uniform(0.1, 1, (4, 8, 8))
    maps[0] = 0.5
    picture = feature_grid(maps, LAYER)
    grid = arrange(4, 8, 8)
    cell = picture[-MARGIN - grid.height :][LABEL_HEIGHT:, MARGIN:][: grid.cell[0], : grid.cell[1]]
    assert len(np.unique(cell[:20, :20].reshape(-1, 3), axis=0)) == 2  # paper and lines of the hatching
    assert np.ptp(cell[:20, :20].astype(int), axis=2).max() < 12  # grey


def test_a_constant_map_too_thin_for_text_is_named_above(monkeypatch):
    texts = written_texts(monkeypatch)
    maps = rng.uniform(0, 1, (4, 1, 20))
    maps[2] = 0.5
    feature_grid(maps, "conv1")
    assert "constant 0.5" in texts


def test_constant_means_equal_to_within_rounding_and_never_hides_nan():
    assert is_constant(np.full((3, 3), 0.1, np.float32))
    assert is_constant(np.array([[1.0, 1.0 + 1e-7]]))
    assert not is_constant(np.array([[1.0, 1.001]]))
    assert not is_constant(np.array([[0.0, 1e-30]]))
    assert not is_constant(np.full((3, 3), np.nan))
    assert not is_constant(np.ones((1, 1)))


def test_a_large_map_that_averages_to_a_constant_is_not_called_constant(monkeypatch):
    texts = written_texts(monkeypatch)
    checkerboard = (np.indices((448, 448)).sum(axis=0) % 2).astype(np.float64)
    feature_grid(np.stack([checkerboard] * 16), "conv1")
    assert "constant" not in texts
    assert any("Drawn at 1/2 size, 2×2 pixels averaged" in text for text in texts)


def test_nan_and_infinity_are_marked_and_counted(monkeypatch):
    texts = written_texts(monkeypatch)
    maps = rng.uniform(0, 1, (4, 8, 8))
    maps[1, 2, 3:5] = np.nan
    maps[2, 0, 0] = np.inf
    picture = feature_grid(maps, "conv1")
    magenta = (picture == np.array(NOT_FINITE)).all(axis=2)
    grid = arrange(4, 8, 8)
    swatch = 18 * 16 - 2 * (18 + 16) + 4  # inside its border
    assert magenta.sum() == 3 * grid.enlarge**2 + swatch
    assert {"2 NaN", "1 inf", "NaN, inf"} <= set(texts)
    assert any("2 of 4 channels contain NaN or infinite values" in text for text in texts)


def test_maps_without_any_finite_value_are_drawn(monkeypatch):
    texts = written_texts(monkeypatch)
    for value in (np.nan, np.inf, 0.0):
        feature_grid(np.full((3, 4, 4), value), "conv1")
        feature_grid(np.full((3,), value), "fc")
        evolution_strip(np.full((2, 3, 4, 4), value), [0, 1], "conv1")
    assert any("none, no finite value differs from 0" in text for text in texts)


def test_drawing_changes_neither_maps_nor_image():
    maps, image = rng.standard_normal((4, 6, 6)), rng.standard_normal((3, 300, 300))
    copies = maps.copy(), image.copy()
    feature_grid(maps, LAYER, image=image)
    evolution_strip(maps[None], [0], LAYER, image=image)
    np.testing.assert_array_equal(maps, copies[0])
    np.testing.assert_array_equal(image, copies[1])


def test_a_very_wide_layer_is_cut_and_says_so(monkeypatch):
    texts = written_texts(monkeypatch)
    feature_grid(rng.uniform(0, 1, (MAX_CHANNELS + 44, 3, 3)), "conv5")
    numbers = [int(text) for text in texts if text.isdigit()]
    assert max(numbers) == MAX_CHANNELS - 1
    assert any("Only the first 256 of 300 channels are drawn" in text for text in texts)


def test_a_selection_keeps_its_channel_numbers(monkeypatch):
    texts = written_texts(monkeypatch)
    feature_grid(rng.uniform(0, 1, (2, 4, 4)), "conv1", channels=[5, 31], total_channels=32)
    assert {"5", "31"} <= set(texts)
    assert "conv1: 2 of 32 feature maps of 4×4 pixels" in texts


def test_each_channel_has_its_own_scale_where_asked(monkeypatch):
    texts = written_texts(monkeypatch)
    maps = np.zeros((2, 2, 2))
    maps[0, 0, 0], maps[1, 0, 0] = 1.0, 0.01
    brightest = np.array(expected_colour(1, Scale("channel", 1, signed=False)))
    grid = arrange(2, 2, 2)
    for scale, count in (("channel", 2), ("layer", 1)):
        picture = feature_grid(maps, "conv1", scale=scale)[:, : MARGIN + grid.width]
        assert (picture == brightest).all(axis=2).sum() == count * grid.enlarge**2
    assert {"≤1", "≤0.01"} <= set(texts)


def test_a_shared_scale_makes_equal_values_equal_in_every_picture(monkeypatch):
    texts = written_texts(monkeypatch)
    early, late = np.zeros((1, 2, 2)), np.zeros((1, 2, 2))
    early[0, 0, 0], late[0, 0, 0] = 1.0, 4.0
    scale = scale_of([early, late], "shared")
    wanted = np.array(expected_colour(1.0, Scale("shared", 4.0, signed=False)))
    grid = arrange(1, 2, 2)
    picture = feature_grid(early, "conv1", scale=scale)[:, : MARGIN + grid.width]
    assert (picture == wanted).all(axis=2).sum() == grid.enlarge**2
    assert any("shared by all epochs, 0 to 4" in text for text in texts)


def test_values_without_extent_are_written_as_numbers(monkeypatch):
    texts = written_texts(monkeypatch)
    feature_grid(np.array([0.5, -1.25, 0.0]), "fc", scale="channel")
    assert {"0.5", "−1.25"} <= set(texts)
    assert "fc: 3 values" in texts


def test_the_receptive_field_of_the_central_pixel_is_framed_on_the_image():
    field = ReceptiveField(size=(4, 6), jump=(2, 2), start=(1.5, 2.5))
    layer = Layer("pool1", kind="pool", operation="MaxPool2d", receptive_field=field)
    picture = feature_grid(rng.uniform(0, 1, (1, 6, 6)), layer, image=np.zeros((1, 12, 12)))
    orange = np.argwhere((picture == np.array(FIELD_COLOUR)).all(axis=2))
    factor = 192 // 12
    # Map pixel (3, 3) sees rows 6 ... 9 and columns 6 ... 11.
    assert np.ptp(orange[:, 0]) == 4 * factor - 1
    assert np.ptp(orange[:, 1]) == 6 * factor - 1
    assert orange[:, 1].min() == MARGIN + 6 * factor


def test_maps_that_are_no_maps_of_one_image_are_refused():
    with pytest.raises(ShapeError, match=r"conv1 has an array of shape \(2, 3, 4, 4\).*maps\[0\]"):
        feature_grid(np.zeros((2, 3, 4, 4)), "conv1")
    with pytest.raises(ArgumentError, match="2 maps of conv1 but 3 channel numbers"):
        feature_grid(np.zeros((2, 4, 4)), "conv1", channels=[1, 2, 3])
    with pytest.raises(ShapeError, match="input image"):
        feature_grid(np.zeros((2, 4, 4)), "conv1", image=np.zeros((4, 4)))


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file"):
        save_feature_grid(tmp_path / "file" / "conv1.png", np.zeros((2, 4, 4)), "conv1")


def test_grids_are_near_square_and_without_a_ragged_row_where_possible():
    assert [columns_for(count) for count in (1, 2, 6, 7, 16, 20, 32, 64, 128, 256)] == [1, 2, 3, 3, 4, 5, 8, 8, 16, 16]
    assert all(columns_for(count) <= 16 for count in range(1, 300))


def test_shrinking_averages_blocks_and_keeps_nan_visible():
    values = np.arange(30, dtype=np.float64).reshape(1, 5, 6)
    shrunk = shrink(values, 2)
    assert shrunk.shape == (1, 3, 3)
    assert shrunk[0, 0, 0] == values[0, :2, :2].mean()
    assert shrunk[0, 2, 2] == values[0, 4:, 4:].mean()
    values[0, 1, 1] = np.nan
    assert np.isnan(shrink(values, 2)[0, 0, 0])
    assert np.isfinite(shrink(values, 2)).sum() == 8


def test_images_are_shown_as_they_are_unless_standardised():
    pixels, remark = image_pixels(np.array([[[0.0, 1.0, 0.5]]]))
    assert (pixels[0, :, 0].tolist(), remark) == ([0, 255, 128], "")
    pixels, remark = image_pixels(np.array([[[-1.0, 1.0, 0.0]]]))
    assert (pixels[0, :, 0].tolist(), remark) == ([0, 255, 128], "−1 black, 1 white")
    pixels, remark = image_pixels(np.full((2, 1, 1), 0.2))
    assert remark == "channel 0 of 2"


def test_numbers_are_short():
    values = [0, 0.012345, 1.2345, 12.345, 1234.5, 123456, 1e-9, -2.5, float("nan"), float("-inf")]
    texts = ["0", "0.0123", "1.23", "12.3", "1234", "1.2e5", "1.0e−9", "−2.5", "nan", "−inf"]
    assert [format_number(value) for value in values] == texts


def test_lines_are_broken_to_fit():
    lines = wrap("some words and onewordthatisfartoolongforoneline", 90)
    assert "".join(lines).replace(" ", "") == "somewordsandonewordthatisfartoolongforoneline"
    assert max(text_width(line) for line in lines) <= 90


def test_an_evolution_has_a_row_for_a_channel_and_a_column_for_an_epoch(monkeypatch):
    texts = written_texts(monkeypatch)
    maps = np.zeros((3, 4, 2, 2))
    maps[:, 2, 0, 0] = [1, 2, 4]
    maps[:, 1, 0, 0] = [10, 10, 10.5]
    picture = evolution_strip(
        maps, [0, 5, 20], LAYER, image=np.zeros((1, 4, 4)), subject="probe 1 (7)", channels=[2, 1]
    )
    assert [text for text in texts if text.startswith("channel")] == ["channel 2", "channel 1"]
    assert [text for text in texts if text.startswith("epoch")] == ["epoch 0", "epoch 5", "epoch 20"]
    assert {"0 … 4", "0 … 10.5"} <= set(texts)
    assert any("Probe 1 (7) · maps of 2×2 pixels · 2 of 4 channels" in text for text in texts)
    assert any("one per channel, shared by all epochs" in text for text in texts)
    for value in (1, 2):  # of channel 2, whose limit over the epochs is 4
        colour = np.array(expected_colour(value, Scale("shared", 4.0, signed=False)))
        assert (picture == colour).all(axis=2).sum() >= 56 * 56


@pytest.mark.parametrize("scale", ["shared", "layer", "channel"])
@pytest.mark.parametrize("shape", [(7, 40, 12, 12), (2, 3), (12, 5, 1, 9), (3, 4, 300, 200)])
def test_no_text_of_an_evolution_is_clipped(monkeypatch, shape, scale):
    texts = written_texts(monkeypatch)
    maps = rng.standard_normal(shape)
    maps[:, 0] = 0
    maps[0, 1] = np.nan
    evolution_strip(maps, list(range(shape[0])), LAYER, image=np.zeros((1, 9, 9)), subject="p " * 120, scale=scale)
    assert "NaN, inf" in texts


def test_an_evolution_shows_the_channels_that_changed_most():
    maps = np.zeros((3, 5, 2, 2))
    maps[:, 0] = 100  # strong, but always the same
    maps[2, 1, 0, 0] = 1
    maps[2, 3] = 5
    maps[1, 4] = np.nan
    assert most_changed(maps, 2) == [3, 4]
    assert most_changed(maps, 3) == [1, 3, 4]
    assert most_changed(maps, 9) == [0, 1, 2, 3, 4]


def test_an_evolution_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(ShapeError, match=r"maps of shape \(2, 3, 4, 4\) for 3 epochs"):
        evolution_strip(np.zeros((2, 3, 4, 4)), [0, 1, 2], "conv1")
    with pytest.raises(DimensionError, match="layer conv1 has 3 channels, numbered 0 to 2; there is no channel 3"):
        evolution_strip(np.zeros((2, 3, 4, 4)), [0, 1], "conv1", channels=[3])
    with pytest.raises(ArgumentError, match="'epoch' does not exist"):
        evolution_strip(np.zeros((2, 3, 4, 4)), [0, 1], "conv1", scale="epoch")
    maps = rng.random((2, 3, 4, 4))
    first = save_evolution_strip(tmp_path / "first.png", maps, [0, 1], "conv1")
    assert first.read_bytes() == save_evolution_strip(tmp_path / "second.png", maps, [0, 1], "conv1").read_bytes()


def test_a_colour_image_that_is_stored_channels_last_is_drawn_and_its_nan_marked():
    image = rng.random((5, 4, 3)).astype(np.float32).transpose(2, 0, 1)
    pixels, _ = image_pixels(image)
    np.testing.assert_array_equal(pixels, np.rint(image.transpose(1, 2, 0) * 255))
    image[1, 2, 3] = np.nan
    assert tuple(image_pixels(image)[0][2, 3]) == NOT_FINITE


def test_standardised_maps_are_those_of_the_formula_and_leave_the_input_alone():
    maps = np.random.default_rng(0).normal(5, 3, (17, 6, 5)).astype(np.float32)
    maps[4] = 2.5  # no spread
    maps[5, 0, 0] = np.nan
    before = maps.copy()
    scores = standardised(maps)
    np.testing.assert_array_equal(maps, before)
    expected = (maps[0] - maps[0].mean()) / maps[0].std()
    np.testing.assert_allclose(scores[0], expected, rtol=1e-4)
    assert not scores[4].any()
    assert np.isnan(scores[5]).sum() == 1
    table = colour_table(True).astype(int)
    colours = colourise(scores[0], Scale("standard", 2.0, signed=True))
    found = np.array([np.abs(table - colour).sum(axis=1).argmin() for colour in colours.reshape(-1, 3)])
    # Before rounding, 255 (z + 2) / 4 is at most one level from 64 z + 128.
    assert np.abs(found - np.clip(64 * expected + 128, 0, 255).ravel()).max() <= 1.51


def test_a_standardised_grid_drops_no_channel_and_says_what_it_shows(monkeypatch):
    maps = np.random.default_rng(0).random((17, 6, 5)).astype(np.float32)
    heads = []
    original = feature_grid.__globals__["sheet"]

    def sheet(title, details, *rest):
        heads.append([title, *details])
        return original(title, details, *rest)

    monkeypatch.setitem(feature_grid.__globals__, "sheet", sheet)
    standard = feature_grid(maps, "conv1", scale="standard")
    assert heads[0][0] == "conv1: 17 feature maps of 6×5 pixels"
    assert "each channel standardised, 2 standard deviations below its mean" in " ".join(heads[0])
    strongest = colour_table(True)[-1]
    assert (standard == strongest).all(axis=2).sum() > (feature_grid(maps, "conv1") == strongest).all(axis=2).sum()
