import base64
import contextlib
import csv
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.intake import samples
from tests.browser import chromium
from tests.shapes import draw, encoded

MANY = 60
"""Presses of Tab that reach everything on a page."""

PASTE = """(encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], "pasted.jpg", { type: "image/jpeg" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
}"""


def _bars(page: Page) -> Locator:
    """The bars."""
    return page.get_by_test_id("stProgress")


def test_an_upload_and_a_camera_picture_are_predicted(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "circle.jpg"
    picture.write_bytes(encoded(draw(0, size=300)))
    chromium.upload(page, picture)
    expect(_bars(page).filter(has_text="%")).to_have_count(3)
    expect(page.get_by_alt_text("circle.jpg: ")).to_be_visible()
    expect(page.get_by_text("(0 to 999)")).to_be_visible()

    chromium.choose(page, "Camera")
    # Before the first frame, Streamlit takes no photo.
    page.wait_for_function("() => document.querySelector('video')?.readyState > 2")
    page.get_by_role("button", name="Take Photo").click()
    expect(_bars(page)).to_have_count(3)
    expect(page.get_by_alt_text("Camera picture: ")).to_be_visible()


def test_a_long_screenshot_whose_name_the_browser_does_not_know_is_read_and_stays_small(
    page: Page, tmp_path: Path
) -> None:
    picture = tmp_path / "screenshot.jpg_large"
    picture.write_bytes(encoded(draw(0).resize((100, 1500))))
    chromium.upload(page, picture)
    shown = page.get_by_alt_text("screenshot.jpg_large: ")
    expect(shown).to_be_visible()
    box = shown.bounding_box()
    assert box and 0 < box["height"] <= 640
    expect(page.get_by_text("only the central square, 7 % of this picture")).to_be_visible()


@pytest.mark.slow
def test_a_zip_of_pictures_becomes_a_table_that_can_be_stopped(page: Page, tmp_path: Path) -> None:
    source = tmp_path / "some.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(1_500):
            archive.writestr(f"{number}.jpg", encoded(draw(number % 4, size=32)))
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(source)
    page.get_by_text("of 1,500 · ").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("Stopped after ")).to_be_visible()
    chromium.settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    path = tmp_path / "predictions.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert 0 < len(rows) < 1_500
    assert [row["file"] for row in rows] == [f"{number}.jpg" for number in range(len(rows))]
    with page.expect_download() as download:
        page.get_by_role("button", name="Sorted into folders").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(rows)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_sample_can_be_reached_and_pressed_from_the_keyboard(page: Page) -> None:
    focused = "document.activeElement.innerText"
    for _ in range(MANY):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == "Cat":
            break
    assert page.evaluate(focused) == "Cat", f"not reached by {MANY} presses of Tab"
    page.keyboard.press("Enter")
    expect(_bars(page)).to_have_text(
        ["tiger cat · 38 %", "Egyptian cat · 36 %", "tabby, tabby cat · 17 %"]
    )


def test_a_pasted_picture_gets_an_answer(page: Page) -> None:
    photo = base64.b64encode(samples.photographs()["Koala"].content).decode()
    # On a slow machine a settled page may not listen to the clipboard yet.
    for _ in range(10):
        page.evaluate(PASTE, photo)
        with contextlib.suppress(AssertionError):
            expect(_bars(page).first).to_contain_text("koala", timeout=10_000)
            return
    pytest.fail("no answer to a pasted picture")
