"""The web process: seconds until the first page, memory, and seconds to an answer, in Chromium.

    python -m benchmarks.web

The first visit fills the disk cache and is not counted.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from benchmarks.report import Figure, show
from tests.browser import chromium
from tests.browser.server import start

MEGABYTE = 1024 * 1024


def first_page(browser: Browser, url: str) -> float:
    """Seconds from the address to the heading, for a new visitor."""
    page = chromium.context(browser).new_page()
    began = time.monotonic()
    page.goto(url)
    page.get_by_role("heading", name="What is in this picture?").wait_for()
    seconds = time.monotonic() - began
    page.context.close()
    return seconds


def answered(browser: Browser, url: str) -> float:
    """Seconds from a click on a sample to its answer."""
    page = chromium.context(browser).new_page()
    page.goto(url)
    chromium.settle(page)
    began = time.monotonic()
    page.get_by_role("button", name="Cat", exact=True).click()
    page.get_by_test_id("stProgress").first.wait_for()
    seconds = time.monotonic() - began
    page.context.close()
    return seconds


def main() -> int:
    """Visit a new server several times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pages: list[float] = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = chromium.launch(playwright)
        for visit in range(options.visits + 1):
            with start(Path(folder) / str(visit)) as server:
                pages.append(first_page(browser, server.url))
                if visit == options.visits:
                    answers = [answered(browser, server.url) for _ in range(options.visits)]
                    for name in ("train", "reports"):
                        page = chromium.context(browser).new_page()
                        page.goto(f"{server.url}/{name}")
                        chromium.settle(page)
                        page.context.close()
                    memory = server.memory() / MEGABYTE
        browser.close()
    figures = {
        "first page of a fresh server, seconds": Figure(median(pages[1:]), at_most=3.0),
        "answer to a sample, seconds": Figure(median(answers)),
        "web process after all three pages, MB": Figure(memory, at_most=350.0),
    }
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
