"""Training by camera in Chromium: seconds from the last frame until the model predicts with it.

    python -m benchmarks.capture

The camera sees two photographs that turn and shift. Each is captured in one of two classes, until
there are 30 pictures or more in all, and then the model has to name both. Browser
and server share the processor, as they do on a laptop. LiteRT.js comes from npm and is served from
this machine in place of the CDN. Then, without a browser, what the head alone takes to fit.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from benchmarks.report import Figure, show
from core.capture import head
from tests.browser import chromium, litert, moving_camera
from tests.browser.server import Server, start

ENGINES = ("browser", "server")
CLASSES = ("Class 1", "Class 2")
FITS = 20
PICTURES = 18
"""Captured of each class."""


@dataclass(frozen=True)
class Lesson:
    """What came of showing two classes.

    Attributes:
        pictures: that were learned from.
        behind: seconds from when the last was taken until an answer by it.
        named: how many of the two were named rightly afterwards.
    """

    pictures: int
    behind: float
    named: int


def teach(browser: Browser, server: Server, engine: str) -> Lesson:
    """Show two classes to a new visitor's camera; the other engine is kept from them."""
    context = chromium.context(browser)
    context.add_init_script(moving_camera.camera(moving_camera.photographs()))
    if engine == "server":
        context.route("**/@litertjs/**", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{server.url}/train")
    chromium.settle(page)
    moving_camera.start(page)
    view = page.locator(f".capture-view[data-engine={engine}][data-live=true][data-pictures]")
    view.wait_for(timeout=chromium.PATIENCE)
    for place in range(len(CLASSES)):
        moving_camera.show(view, place)
        moving_camera.hold(view, place, PICTURES)
    page.locator(".capture-view[data-lag]").wait_for(timeout=chromium.PATIENCE)
    behind = int(view.get_attribute("data-lag") or 0) / 1000
    pictures = int(view.get_attribute("data-pictures") or 0)
    named = 0
    for place, name in enumerate(CLASSES):
        moving_camera.show(view, place)
        try:
            page.locator(f".capture-view[data-label='{name}']").wait_for(timeout=2_500)
            named += 1
        except TooLate:
            continue
    context.close()
    return Lesson(pictures, behind, named)


def seconds_to_fit(pictures: int, classes: int) -> float:
    """Of a head, on embeddings drawn by chance around a centre for each class; the median."""
    random = np.random.default_rng(0)
    labels = np.arange(pictures) % classes
    centres = random.random((classes, 1_280))
    rows = np.abs(centres[labels] + random.normal(0, 0.6, (pictures, 1_280))).astype(np.float32)
    bursts = labels * pictures + np.arange(pictures) // classes // 5
    taken = []
    for _ in range(FITS):
        began = time.perf_counter()
        head.fit(rows, labels, bursts)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def main() -> int:
    """Teach by both engines, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if why := litert.install(litert.FOLDER):
        raise SystemExit(f"The browser's engine needs its runtime: {why}")
    with (
        tempfile.TemporaryDirectory() as folder,
        litert.serve(litert.FOLDER) as place,
        start(Path(folder) / "home", TUSKER_LIVE_RUNTIME=place) as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright)
        lessons = {engine: teach(browser, server, engine) for engine in ENGINES}
        browser.close()
    figures = {}
    for engine, lesson in lessons.items():
        figures |= {
            f"{engine}, pictures": Figure(lesson.pictures, at_least=30),
            f"{engine}, seconds from the last frame": Figure(lesson.behind, at_most=2),
            f"{engine}, classes named rightly of 2": Figure(lesson.named, at_least=2),
        }
    figures |= {
        "seconds to fit, 30 pictures of 2 classes": Figure(seconds_to_fit(30, 2), at_most=0.5),
        "seconds to fit, 600 pictures of 10 classes": Figure(seconds_to_fit(600, 10), at_most=1),
    }
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
