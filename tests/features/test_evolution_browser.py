"""The page of an evolution in headless Chromium: what its reader sees is what was recorded."""

import io

import numpy as np
import pytest
from PIL import Image

from tinyconv.features import Features, Layer, evolution_page
from tinyconv.features.colours import Scale, colourise
from tinyconv.models.receptive_field import ReceptiveField
from tinyconv.train.records import EpochRecord

rng = np.random.default_rng(0)
EPOCHS = [0, 1, 5]
FIELD = ReceptiveField((3.0, 3.0), (2.0, 2.0), (1.0, 1.0))
MAPS = {
    "conv1": rng.normal(size=(3, 2, 5, 8, 6)).astype(np.float32),
    "pool1": rng.random((3, 2, 130, 4, 3)).astype(np.float32),
}
MAPS["pool1"][1, 0, 2] = 0.5


def recording():
    layer = Layer("conv1", "conv1", "conv", "Convolution2d", (3, 3), (2, 2), (0, 0), (1, 1), FIELD)
    meta = {
        "epochs": EPOCHS,
        "layers": {"conv1": layer.as_json(), "pool1": Layer("pool1", kind="pool").as_json()},
        "probe_labels": ["<script>alert(1)</script>", "b"],
    }
    return Features(dict(MAPS), rng.random((2, 1, 17, 13)).astype(np.float32), meta)


def history():
    return [EpochRecord(epoch, epoch, 0.1, 1.0, 0.5, 1.0, 0.5 + epoch / 20, 100.0, 1.0) for epoch in range(1, 6)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "evolution.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyconv.features.web.sprites.MAX_WIDTH", 64)  # so that an epoch takes several rows of tiles
        path.write_text(evolution_page(recording(), title="a run", history=history()), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    contexts = []

    def open_page(width=1280, height=1000, scheme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.on("console", lambda message: page.wrong.append(message.text))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("dialog", lambda dialog: (page.wrong.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: page.wrong.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


def seen(page, layer, channel):
    """The pixels of a map on the screen."""
    return np.array(
        Image.open(
            io.BytesIO(page.locator(f"#film-{layer} .tc-cell").nth(channel).locator(".tc-map").screenshot())
        ).convert("RGB")
    )


def matches(page, layer, frame, image, channel):
    """Whether the middle of every square on the screen has the colour of the recorded value."""
    maps = MAPS[layer]
    scale = Scale("shared", float(np.abs(maps).max()), bool((maps < 0).any()))
    expected = colourise(maps[frame, image, channel], scale)
    pixels = seen(page, layer, channel)
    height, width = expected.shape[:2]
    rows = ((np.arange(height) + 0.5) * pixels.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * pixels.shape[1] / width).astype(int)
    return np.array_equal(pixels[np.ix_(rows, columns)], expected)


def test_every_frame_shows_the_recorded_maps(opened):
    page = opened()
    for image in (0, 1):
        page.select_option(".tc-choice", str(image))
        for frame in (2, 0, 1):
            page.locator(".tc-ticks li").nth(frame).click()
            for layer, channel in (("conv1", 0), ("conv1", 4), ("pool1", 0), ("pool1", 129)):
                assert matches(page, layer, frame, image, channel), (image, frame, layer, channel)
    assert page.wrong == []


def test_without_a_script_the_last_epoch_is_shown(opened):
    page = opened(java_script_enabled=False)
    assert matches(page, "conv1", 2, 0, 3)
    assert page.inner_text(".tc-caption") == "epoch 5: 75.0% of held-out images right"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_fits_its_window_and_asks_for_nothing(opened, width, scheme):
    page = opened(width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    bright = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert bright == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 24, 29)")
    assert page.wrong == []


def caption(page):
    return page.inner_text(".tc-caption")


def test_keys_move_and_play_the_epochs(opened):
    page = opened()
    assert caption(page).startswith("epoch 5")
    page.keyboard.press("ArrowRight")  # behind the last comes the first
    assert caption(page) == "epoch 0, before training"
    page.keyboard.press("ArrowRight")
    assert caption(page).startswith("epoch 1: 55.0%")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    assert page.get_attribute(".tc-play", "aria-label") == "Pause at this epoch"
    page.wait_for_function("document.querySelector('.tc-caption').textContent.startsWith('epoch 5')")
    page.keyboard.press("Space")
    assert page.get_attribute(".tc-play", "aria-label") == "Play the epochs"
    page.locator(".tc-slider").focus()
    page.keyboard.press("Home")
    assert caption(page) == "epoch 0, before training"
    assert page.get_attribute(".tc-slider", "aria-valuetext") == "epoch 0, before training"
    assert page.locator(".curve .mark.tc-at").count() == 1


def test_arrow_keys_walk_over_the_maps_and_enter_lays_one_out(opened):
    page = opened()
    page.evaluate("document.addEventListener('tc-channel', (event) => { window.told = event.detail; })")
    page.locator("#film-pool1 .tc-cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("window.told") == {"layer": "pool1", "channel": 2}
    strip = page.locator("#film-pool1 .tc-strip")
    assert strip.locator("li").count() == 3
    assert "channel 2" in strip.inner_text()
    hatched = [tile.get_attribute("class") for tile in strip.locator(".tc-map").all()]
    assert ["tc-constant" in names for names in hatched] == [False, True, False]
    page.keyboard.press("ArrowDown")
    below = page.evaluate("Number(document.activeElement.dataset.channel)")
    assert page.evaluate("document.activeElement.offsetTop > document.querySelector('#film-pool1 .tc-cell').offsetTop")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("Number(document.activeElement.dataset.channel)") == 2 < below


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 2), (7, 5)])
def test_pointing_at_a_map_pixel_shows_what_it_sees(opened, row, column):
    page = opened()
    box = page.locator("#film-conv1 .tc-map").nth(1).bounding_box()
    x = box["x"] + (column + 0.5) * box["width"] / 6
    y = box["y"] + (row + 0.5) * box["height"] / 8
    page.mouse.move(x, y)
    top, left, bottom, right = FIELD.patch(row, column, (17, 13))
    words = page.inner_text("#film-conv1 .tc-readout")
    assert words == (
        f"channel 1, map pixel (row {row}, column {column}) sees rows {top} to {bottom - 1}, columns {left} to "
        f"{right - 1} of the input"
    )
    frame, patch = (page.locator(f".tc-input {name}").bounding_box() for name in (".tc-picture", ".tc-patch"))
    assert patch["y"] - frame["y"] == pytest.approx(1 + top / 17 * (frame["height"] - 2), abs=1)
    assert patch["height"] == pytest.approx((bottom - top) / 17 * (frame["height"] - 2), abs=1)
    page.mouse.move(0, 0)
    assert not page.locator(".tc-input .tc-patch").is_visible()
