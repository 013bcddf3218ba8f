"""Training by camera in Chromium: seconds from the last frame until the model predicts with it.

    python -m benchmarks.capture

The camera sees two photographs that turn and shift. Each is captured in one of two classes, until
there are 30 pictures or more in all, and then the model has to name both. Browser
and server share the processor, as they do on a laptop. LiteRT.js comes from npm and is served from
this machine in place of the CDN. Then the fit of the head alone is timed, without a browser.
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
"""Number of pictures that are captured of each class."""


@dataclass(frozen=True)
class Capture:
    """The result of capturing two classes.

    Attributes:
        pictures: number of captured pictures.
        lag: seconds from the last picture until a prediction of a head that was fitted to it.
        correct: how many of the two classes were predicted correctly afterwards.
    """

    pictures: int
    lag: float
    correct: int


def capture(browser: Browser, server: Server, engine: str) -> Capture:
    """Capture two classes as a new visitor, with one engine; the other one is not available."""
    context = chromium.context(browser)
    context.add_init_script(moving_camera.camera(moving_camera.photographs()))
    if engine == "server":
        context.route("**/@litertjs/**", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{server.url}/train")
    chromium.settle(page)
    chromium.choose(page, "Camera")
    view = page.locator(f".capture-view[data-engine={engine}][data-live=true][data-pictures]")
    view.wait_for(timeout=chromium.PATIENCE)
    moving_camera.measure_lag(view)
    for number in range(len(CLASSES)):
        moving_camera.show(view, number)
        moving_camera.hold(view, number, PICTURES)
    page.locator(".capture-view[data-lag]").wait_for(timeout=chromium.PATIENCE)
    lag = int(view.get_attribute("data-lag") or 0) / 1000
    pictures = int(view.get_attribute("data-pictures") or 0)
    correct = 0
    for number, name in enumerate(CLASSES):
        moving_camera.show(view, number)
        try:
            page.locator(f".capture-view[data-label='{name}']").wait_for(timeout=2_500)
            correct += 1
        except TooLate:
            continue
    context.close()
    return Capture(pictures, lag, correct)


def seconds_to_fit(pictures: int, classes: int) -> float:
    """Median seconds to fit a head to random embeddings around a centre for each class."""
    random = np.random.default_rng(0)
    labels = np.arange(pictures) % classes
    centres = random.random((classes, 1_280))
    rows = np.abs(centres[labels] + random.normal(0, 0.6, (pictures, 1_280))).astype(np.float32)
    bursts = labels * pictures + np.arange(pictures) // classes // 5
    seconds = []
    for _ in range(FITS):
        began = time.perf_counter()
        head.fit(rows, labels, bursts)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def main() -> int:
    """Capture with both engines, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if problem := litert.install(litert.FOLDER):
        raise SystemExit(f"The browser's engine needs its runtime: {problem}")
    with (
        tempfile.TemporaryDirectory() as folder,
        litert.serve(litert.FOLDER) as address,
        start(Path(folder) / "home", TUSKER_LIVE_RUNTIME=address) as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright)
        captures = {engine: capture(browser, server, engine) for engine in ENGINES}
        browser.close()
    figures: dict[str, Figure] = {}
    for engine, result in captures.items():
        figures |= {
            f"{engine}, pictures": Figure(result.pictures, at_least=30),
            f"{engine}, seconds from the last frame": Figure(result.lag, at_most=2),
            f"{engine}, classes named rightly of 2": Figure(result.correct, at_least=2),
        }
    figures |= {
        "seconds to fit, 30 pictures of 2 classes": Figure(seconds_to_fit(30, 2), at_most=0.5),
        "seconds to fit, 600 pictures of 10 classes": Figure(seconds_to_fit(600, 10), at_most=1),
    }
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
