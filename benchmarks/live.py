"""The live view in Chromium: frames per second of both engines, memory, three viewers at once.

    python -m benchmarks.live
    python -m benchmarks.live --minutes 10

The camera shows a film of two photographs. LiteRT.js comes from npm and is served from this machine
in place of the CDN. Browser and server share the processor, as they do on a laptop; the browser
draws without a graphics processor, which costs it some frames. Memory is that of the web process
while it answers frames, after the first tenth of the time. It is measured for two minutes by
default: a thousand frames show a leak with each frame.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from benchmarks.report import Figure, show
from tests.browser import chromium, litert, moving_camera
from tests.browser.server import Server, start

MEGABYTE = 1024 * 1024
BROWSER, SERVER = "browser", "server"
WARM = 2_000
"""Milliseconds before frames are counted, in which engines are set up."""
WATCH = """(view, seconds) => new Promise(resolve => {
    const taken = [];
    view.addEventListener("prediction", ({ detail }) => taken.push(detail.milliseconds));
    setTimeout(() => resolve(taken), 1000 * seconds);
})"""
MEMORY_INTERVAL = 5
"""Seconds between two measurements of the memory."""
GROWTH = 10.0
"""Megabytes that count as no growth: allocated memory varies by as much."""


@dataclass
class Viewer:
    """A visitor with the live view open.

    Attributes:
        sent: addresses of requests, and `frame` for each message to the server.
        troubles: errors in the page.
    """

    page: Page
    sent: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def watch(self, seconds: float) -> list[float]:
        """Milliseconds that each frame took, during some seconds."""
        self.sent.clear()
        return self.page.locator(".live").evaluate(WATCH, seconds)

    def counted(self) -> int:
        """Number of frames that were answered so far."""
        return int(self.page.locator(".live").get_attribute("data-frames") or 0)


@contextmanager
def viewing(browser: Browser, server: Server, engine: str) -> Iterator[Viewer]:
    """A new visitor with one engine; the other one is not available."""
    context = chromium.context(browser, slow_camera=False)
    if engine == SERVER:
        context.route("**/@litertjs/**", lambda route: route.abort())
    viewer = Viewer(context.new_page())

    def heard(line: WebSocket) -> None:
        line.on("framesent", lambda _: viewer.sent.append("frame"))

    viewer.page.on("websocket", heard)
    viewer.page.on("request", lambda request: viewer.sent.append(request.url))
    viewer.page.on("pageerror", lambda error: viewer.troubles.append(str(error)))
    viewer.page.goto(server.url)
    chromium.settle(viewer.page)
    chromium.pick(viewer.page, "Live")
    answering = f".live[data-engine={engine}][data-frames]"
    viewer.page.locator(answering).wait_for(timeout=chromium.PATIENCE)
    viewer.page.wait_for_timeout(WARM)
    yield viewer
    context.close()


def memory_over(viewer: Viewer, server: Server, minutes: float) -> list[float]:
    """Megabytes of the web process while frames are answered, every few seconds."""
    megabytes = []
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        viewer.page.wait_for_timeout(1000 * MEMORY_INTERVAL)
        megabytes.append(server.memory() / MEGABYTE)
    return megabytes


def growth(megabytes: list[float]) -> float:
    """Difference between the medians of the last and of the second tenth of the values."""
    count = max(1, len(megabytes) // 10)
    return float(np.median(megabytes[-count:]) - np.median(megabytes[count : 2 * count]))


def three(browser: Browser, server: Server, seconds: float) -> tuple[list[int], list[str]]:
    """Watch with two viewers on the server's engine and one on the browser's.

    Returns:
        Number of frames of each, and errors.
    """
    with (
        viewing(browser, server, SERVER) as first,
        viewing(browser, server, SERVER) as second,
        viewing(browser, server, BROWSER) as third,
    ):
        viewers = (first, second, third)
        before = [viewer.counted() for viewer in viewers]
        third.page.wait_for_timeout(1000 * seconds)
        frames = [v.counted() - b for v, b in zip(viewers, before, strict=True)]
        wrong = [trouble for viewer in viewers for trouble in viewer.troubles]
    return frames, wrong


def main() -> int:
    """Watch, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each engine")
    parser.add_argument("--minutes", type=float, default=2, help="for the memory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if problem := litert.install(litert.FOLDER):
        raise SystemExit(f"The live view needs its runtime: {problem}")
    with (
        tempfile.TemporaryDirectory() as folder,
        litert.serve(litert.FOLDER) as address,
        start(Path(folder) / "home", TUSKER_LIVE_RUNTIME=address) as server,
        sync_playwright() as playwright,
    ):
        film = chromium.film(moving_camera.photographs(), Path(folder), frames=60)
        browser = chromium.launch(playwright, film)
        with viewing(browser, server, BROWSER) as viewer:
            in_browser = viewer.watch(options.seconds)
            sent = len(viewer.sent)
        with viewing(browser, server, SERVER) as viewer:
            on_server = viewer.watch(options.seconds)
            over = memory_over(viewer, server, options.minutes)
        frames, troubles = three(browser, server, options.seconds)
        browser.close()
        troubles += [line for line in server.log_tail(1_000).splitlines() if "Traceback" in line]
    figures = {
        "in the browser, frames per second": Figure(len(in_browser) / options.seconds, at_least=15),
        "in the browser, median ms a frame": Figure(float(np.median(in_browser))),
        "in the browser, messages to the server": Figure(sent, at_most=0),
        "on the server, frames per second": Figure(len(on_server) / options.seconds, at_least=5),
        "on the server, median ms a frame": Figure(float(np.median(on_server))),
        "on the server, 95th percentile of ms": Figure(
            float(np.percentile(on_server, 95)), at_most=300
        ),
        "web process at the end, MB": Figure(over[-1]),
        f"web process, growth over {options.minutes:g} min, MB": Figure(
            growth(over), at_most=GROWTH
        ),
        "three viewers, frames of the slowest": Figure(min(frames), at_least=1),
        "three viewers, errors": Figure(len(troubles), at_most=0),
    }
    return show(figures, as_json=options.json, notes=troubles)


if __name__ == "__main__":
    sys.exit(main())
