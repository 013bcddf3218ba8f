"""How long a first visitor waits, and how many clicks it takes, in a browser on an idle machine.

python -m benchmarks.visitors [--zip ants_bees.zip]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser import chromium
from tests.browser.server import ROOT, start

TRAINING = 300_000
"""Milliseconds that a training may take."""
IDLE = 5
"""Seconds for which requests are counted while nothing happens."""
SHIFTS = """() => { window.shift = 0;
    new PerformanceObserver(list => list.getEntries().forEach(
        entry => { if (!entry.hadRecentInput) window.shift += entry.value; }
    )).observe({ type: "layout-shift", buffered: true }); }"""


def timed(name: str, clicks: int, limit: float, visit: Callable[[], object]) -> None:
    """Time a visit and print it beside its limit in seconds."""
    begun = time.perf_counter()
    visit()
    seconds = time.perf_counter() - begun
    print(f"{name}: {clicks} clicks, {seconds:.1f} s (limit {limit:g} s)", flush=True)


def answer(page: Page, url: str) -> None:
    """From opening the app to the first answer."""
    page.goto(url)
    page.get_by_role("button", name="Cat", exact=True).click()
    page.get_by_test_id("stProgress").first.wait_for()


def train(page: Page) -> None:
    """From the pictures to the result."""
    chromium.start_button(page).click(timeout=TRAINING)
    page.get_by_role("button", name="Read the report").wait_for(timeout=TRAINING)


def sample(page: Page, url: str) -> None:
    """From opening the app to a model of the sample's classes."""
    page.goto(url)
    page.get_by_role("link", name="Train your own").click()
    page.get_by_role("button", name="Use the sample").click()
    train(page)


def zip_to_report(page: Page, url: str, archive: Path) -> None:
    """From a zip to its report."""
    page.goto(f"{url}/train")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(archive)
    train(page)
    page.get_by_role("button", name="Read the report").click()
    page.get_by_role("radio", name="Confusions").wait_for(state="attached")


def stillness(page: Page, url: str) -> None:
    """Cumulative layout shift of each page, and the requests and frames of a quiet one."""
    page.add_init_script(f"({SHIFTS})()")
    traffic: list[str] = []
    page.on("request", lambda request: traffic.append(request.url))
    page.on(
        "websocket", lambda socket: socket.on("framesent", lambda _: traffic.append(socket.url))
    )
    for path in ("", "train", "reports"):
        page.goto(f"{url}/{path}")
        chromium.settle(page)
        page.wait_for_timeout(1_000)
        shift = page.evaluate("window.shift")
        before = len(traffic)
        page.wait_for_timeout(1_000 * IDLE)
        sent = len(traffic) - before
        print(f"{path or 'predict'}: layout shift {shift:.3f} (limit 0.1), {sent} requests idle")


def main() -> None:
    """Measure everything once, in a fresh home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zip", type=Path, help="class folders, such as ants_bees.zip")
    archive = parser.parse_args().zip
    with (
        tempfile.TemporaryDirectory() as home,
        start(Path(home), app=ROOT / "server.py") as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright)
        page = chromium.context(browser).new_page()
        page.set_default_timeout(TRAINING)
        timed("first answer", 1, 3, lambda: answer(page, server.url))
        timed("own model from the sample", 3, 15, lambda: sample(page, server.url))
        page.get_by_role("button", name="Same pictures, other settings").click()
        chromium.start_button(page).wait_for()
        timed("second training", 1, 6, lambda: train(page))
        if archive:
            timed("zip to report", 2, 20, lambda: zip_to_report(page, server.url, archive))
        stillness(chromium.context(browser).new_page(), server.url)
        browser.close()


if __name__ == "__main__":
    main()
