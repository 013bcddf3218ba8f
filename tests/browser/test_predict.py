from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser import chromium
from tests.shapes import draw, encoded

MANY = 60
"""Presses of Tab that reach everything on a page."""


def _answer(page: Page) -> Locator:
    """The bars, once they are drawn."""
    return page.get_by_test_id("stPlotlyChart").filter(has=page.locator(".main-svg"))


def test_an_upload_is_shown_and_answered(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "circle.jpg"
    picture.write_bytes(encoded(draw(0, size=300)))
    chromium.upload(page, picture)
    expect(_answer(page)).to_have_count(1)
    assert _answer(page).get_attribute("aria-label").count("%") == 3
    expect(page.get_by_alt_text("circle.jpg: ")).to_be_visible()
    expect(page.get_by_text("1,000 classes")).to_be_visible()


def test_what_the_camera_sees_is_answered(page: Page) -> None:
    chromium.choose(page, "Camera")
    page.get_by_role("button", name="Take Photo").click()
    expect(_answer(page)).to_have_count(1)
    expect(page.get_by_alt_text("Camera picture: ")).to_be_visible()


def test_a_sample_can_be_reached_and_pressed_from_the_keyboard(page: Page) -> None:
    focused = "document.activeElement.innerText"
    for _ in range(MANY):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "A flower":
            break
    assert page.evaluate(focused) == "A flower", f"not reached by {MANY} presses of Tab"
    page.keyboard.press("Enter")
    expect(_answer(page)).to_have_attribute("aria-label", "daisy 36 %; mushroom 5 %; bee 5 %")
