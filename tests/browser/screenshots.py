"""Make the pictures of the README: start the app, use it as a visitor would, save each page.

Run `make screenshots` whenever a page has changed.
"""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser import chromium
from tests.browser.chromium import follow, press
from tests.browser.server import ROOT, start

FOLDER = ROOT / "docs" / "images"
LARGEST = 300_000
"""Bytes that a picture of the README may weigh."""
TRAINING = 300_000
"""Milliseconds that the sample may take to train."""


def predict(page: Page) -> None:
    """The answer for a sample."""
    press(page, "Cat")


def train(page: Page) -> None:
    """A finished training on the sample, with its curves and its files."""
    follow(page, "Train")
    press(page, "Use the sample")
    chromium.start_button(page).click()
    page.get_by_role("button", name="Download the bundle").wait_for(timeout=TRAINING)


def reports(page: Page) -> None:
    """The report of that training."""
    press(page, "Read the report")
    page.get_by_role("button", name="All runs").wait_for()


def shrink(path: Path) -> None:
    """Give a picture as few colours as it takes to weigh little enough."""
    original = Image.open(path).convert("RGB")
    for colours in (256, 128, 64):
        original.quantize(colours).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            return
    raise SystemExit(f"{path.name} weighs more than {LARGEST} bytes even in 64 colours.")


def main() -> None:
    """Make all pictures, one after another in the same visit."""
    if not chromium.find():
        raise SystemExit("Screenshots need Chromium; on Debian: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        start(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright)
        page = chromium.context(browser).new_page()
        page.goto(server.url)
        chromium.settle(page)
        for visit in (predict, train, reports):
            visit(page)
            chromium.settle(page)
            path = FOLDER / f"{visit.__name__}.png"
            chromium.screenshot(page, path)
            shrink(path)
            print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
