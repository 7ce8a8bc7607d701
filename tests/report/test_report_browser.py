"""A report in headless Chromium: what its reader sees and does."""

from __future__ import annotations

import numpy as np
import pytest

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
    page.wait_for_function("document.querySelector('.arithmetic').arithmetic !== undefined")
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
