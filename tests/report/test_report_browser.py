"""A report in headless Chromium: what its reader sees and does."""

from __future__ import annotations

import numpy as np
import pytest

from tinyconv.features import load_features
from tinyconv.features.colours import Scale, colourise
from tinyconv.report.arithmetic import follow
from tinyconv.report.material import gather
from tinyconv.train import load_run

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def opened(browser, reported):
    """Open the report, and list what should not happen."""
    contexts = []

    def open_page(size="desktop", scheme="light"):
        context = browser.new_context(
            viewport=dict(zip(("width", "height"), SIZES[size], strict=True)), color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.wrong = []
        page.on(
            "console", lambda message: page.wrong.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("dialog", lambda dialog: (page.wrong.append(dialog.message), dialog.dismiss()))
        page.on(
            "request",
            lambda request: page.wrong.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        page.goto(reported.file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(SIZES))
def test_it_opens_without_an_error_a_request_or_a_sideways_scroll(opened, size, scheme):
    page = opened(size, scheme)
    assert page.evaluate("document.querySelector('.arithmetic').arithmetic !== undefined")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.wrong == []


def numbers(page, selector):
    text = page.locator(selector).all_inner_texts()
    return [float(one.replace("−", "-")) for one in text]


def test_the_clicked_cell_is_the_activation_of_the_network(opened, hostile_run):
    passed = follow(gather(load_run(hostile_run)))[0].passed
    page = opened()
    for place, convolved in enumerate(passed.convolutions):
        page.locator(".layers button").nth(place).click()
        channel = int(page.locator("select.channel option:checked").inner_text())
        canvas = page.locator("canvas.result")
        box = canvas.bounding_box()
        height, width = convolved.z.shape[1:]
        cell = (height // 2, width - 1)
        canvas.click(
            position={"x": (cell[1] + 0.5) * box["width"] / width, "y": (cell[0] + 0.5) * box["height"] / height}
        )
        assert f"cell ({cell[0]}, {cell[1]})" in page.locator("canvas.result").locator("xpath=../..").inner_text()
        values = numbers(page, ".sum:not(.total) td.value")
        at = (channel, *cell)
        expected = [convolved.z[at], convolved.z[at], convolved.after[0].output[at], convolved.activation[at]]
        assert np.allclose(values, expected, rtol=1e-4, atol=1e-5)
        assert "✗" not in page.locator(".sum:not(.total)").inner_text()
        chosen = page.evaluate("document.querySelector('.arithmetic').arithmetic.input")
        kernel = page.locator(".numbers.kernel > *").evaluate_all("cells => cells.map(cell => Number(cell.title))")
        assert np.allclose(kernel, convolved.weight[channel, chosen].ravel())
    assert page.wrong == []


def test_the_clicked_weight_has_the_gradient_of_backpropagation(opened, hostile_run):
    passed = follow(gather(load_run(hostile_run)))[0].passed
    page = opened()
    for place, convolved in enumerate(passed.convolutions):
        page.locator(".layers button").nth(place).click()
        page.locator(".numbers.choose button").nth(2).click()
        channel = int(page.locator("select.channel option:checked").inner_text())
        chosen = page.evaluate("document.querySelector('.arithmetic').arithmetic.input")
        (value,) = [one for one in page.locator(".total td.value").all_inner_texts() if one]
        gradient = convolved.weight_gradient[channel, chosen, 0, 2]
        assert float(value.replace("−", "-")) == pytest.approx(gradient, rel=1e-3, abs=1e-6)
        assert "✓ backpropagation found" in page.locator(".total").inner_text()


def test_the_frames_of_the_slider_are_the_recorded_maps(opened, hostile_run):
    recorded = load_features(hostile_run / "features" / "features.npz")
    page = opened()
    read = """([element, frame]) => new Promise((done) => {
        const style = getComputedStyle(element.querySelector(".tc-map"));
        const image = new Image();
        image.onload = () => {
            const [left, top] = style.backgroundPosition.split(" ").map((text) => -parseFloat(text));
            const factor = parseFloat(style.backgroundSize) / image.width;
            const [w, h] = [parseFloat(style.width) / factor, parseFloat(style.height) / factor];
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [w, h];
            const context = canvas.getContext("2d");
            context.drawImage(image, left / factor, top / factor, w, h, 0, 0, w, h);
            done({ w, h, pixels: Array.from(context.getImageData(0, 0, w, h).data) });
        };
        image.src = style.backgroundImage.slice(5, -2);
    })"""
    slider = page.locator(".tc-slider")
    for frame in range(len(recorded.meta["epochs"])):
        slider.fill(str(frame))
        for name, maps in recorded.arrays.items():
            signed = bool((maps < 0).any())
            scale = Scale("shared", float(np.abs(maps).max()), signed)
            cell = page.locator(f"#film-{name} .tc-cell").nth(1)
            page.evaluate("name => { document.getElementById('film-' + name).closest('details').open = true; }", name)
            found = page.evaluate(read, [cell.element_handle(), frame])
            pixels = np.array(found["pixels"], np.uint8).reshape(found["h"], found["w"], 4)[..., :3]
            assert np.array_equal(pixels, colourise(maps[frame, 0, 1], scale)), (name, frame)
    assert page.wrong == []


def test_an_anchor_unfolds_its_layer_and_shows_its_unit(opened, reported):
    page = opened()
    page.goto(reported.file.as_uri() + "#conv3/17")
    assert page.evaluate("document.getElementById('conv3/17').closest('details').open")
    # The page's policy forbids what Playwright's own waiting does, and scrolling is smooth.
    for _ in range(100):
        top = page.evaluate("document.getElementById('conv3/17').getBoundingClientRect().top")
        if 0 <= top < SIZES["desktop"][1]:
            break
        page.wait_for_timeout(50)
    assert 0 <= top < SIZES["desktop"][1]


def test_a_clicked_map_leads_to_its_unit(opened):
    page = opened()
    page.locator("#film-conv1 .tc-cell").nth(2).click()
    link = page.locator(".to-unit a")
    assert link.inner_text() == "What unit conv1/2 looks for"
    assert link.get_attribute("href") == "#conv1%2F2"


def test_another_image_has_its_own_explanations(opened):
    page = opened()
    shown = page.locator(".case:not([hidden])")
    before = shown.inner_text()
    page.locator(".cases button").nth(1).click()
    assert shown.count() == 1
    assert shown.inner_text() != before
    page.locator(".over input").check()
    assert shown.locator("img.under").first.is_visible()


def test_the_keyboard_moves_the_cell(opened):
    page = opened()
    before = page.evaluate("document.querySelector('.arithmetic').arithmetic.cell")
    page.locator("canvas.result").focus()
    page.keyboard.press("ArrowUp" if before[0] else "ArrowDown")
    after = page.evaluate("document.querySelector('.arithmetic').arithmetic.cell")
    assert abs(after[0] - before[0]) == 1
    assert after[1] == before[1]


def test_the_theme_button_goes_from_auto_over_light_to_dark(opened):
    page = opened()
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    button = page.get_by_role("button", name="Theme")
    button.click()
    assert page.evaluate(paper) == light
    button.click()
    assert page.evaluate(paper) != light
    assert button.inner_text() == "Theme: dark"
