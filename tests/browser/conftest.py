"""The app in a real browser: `page`, or `open_page` to choose path, width and colours."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from core.jobs import State
from core.jobs.folder import JobSpec
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from tests.browser import chromium, litert, moving_camera
from tests.browser.server import Server, start
from tests.core.trainings import import_dataset, train

PAGES = pytest.StashKey[list[Page]]()
HERE = {"127.0.0.1", "localhost"}
TRAINING = 120_000
"""Milliseconds that a small training may take."""
FILM_FRAMES = 20
"""Of each picture: at 30 per second, it changes every two thirds of one."""
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""Streamlit's browser side looks for these below the page's own path first, and is refused."""


expect.set_options(timeout=chromium.PATIENCE)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app, with an empty home, in personal mode; the runtime of its live view is here too."""
    home = tmp_path_factory.mktemp("browser") / "home"
    with litert.serve(litert.FOLDER) as place, start(home, TUSKER_LIVE_RUNTIME=place) as running:
        yield running


@pytest.fixture(scope="session")
def runtime(shared: Callable[..., Any]) -> None:
    """The runtime of the live view lies where the app expects it. Skipped where npm is missing."""
    if why := shared("runtime", lambda _: litert.install(litert.FOLDER)):
        pytest.skip(why)


@pytest.fixture(scope="session")
def filmed() -> list[Image.Image]:
    """What the fake camera sees in turn: two photographs of different classes."""
    return moving_camera.photographs()


@pytest.fixture(scope="session")
def chrome(
    tmp_path_factory: pytest.TempPathFactory, filmed: list[Image.Image]
) -> Iterator[Browser]:
    """Chromium with a fake camera. Without one the tests are skipped, but not in CI."""
    if not chromium.find():
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("no Chromium on this machine; on Debian: apt-get install chromium")
    film = chromium.film(filmed, tmp_path_factory.mktemp("camera"), FILM_FRAMES)
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, film)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def visitors(chrome: Browser) -> Callable[[int, str], BrowserContext]:
    """`visitors(1400, "light")`: a window that keeps what it has loaded, which saves seconds."""
    return lru_cache(lambda width, scheme: chromium.context(chrome, width=width, scheme=scheme))


@pytest.fixture
def open_page(
    visitors: Callable[[int, str], BrowserContext], server: Server, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """`open_page(path="", width=1400, scheme="light")`: a new session on that page, settled.

    Fails the test if a page logged an error or asked another machine for anything.
    """
    pages = request.node.stash.setdefault(PAGES, [])
    troubles: list[str] = []

    def open_(path: str = "", *, width: int = chromium.WIDE, scheme: str = "light") -> Page:
        page = visitors(width, scheme).new_page()
        pages.append(page)
        _listen(page, troubles)
        page.goto(f"{server.url}/{path}")
        chromium.settle(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert not troubles, "\n".join(troubles)


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The first page, 1,400 pixels wide, light."""
    return open_page()


@pytest.fixture(scope="session")
def taught(server: Server, shared: Callable[..., Any]) -> Run:
    """A Quick run on shapes, without exports."""

    def build(folder: Path) -> Run:
        path = folder / ("0123456789abcdef" * 2)
        done = train(import_dataset(folder), config.preset("quick"), path, Settings(home=folder))
        job = done.run.job
        job.open(JobSpec(kind="train", arguments={"pictures": str(done.pictures)}))
        job.begin()
        for event in done.events:
            job.events.append(event)
        job.end(State.FINISHED)
        return done.run

    original = shared("browser-training", build)
    return Run(shutil.copytree(original.path, server.home / "runs" / original.id))


def _listen(page: Page, troubles: list[str]) -> None:
    def asked(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https", "ws", "wss"} and url.hostname not in HERE:
            troubles.append(f"asked another machine: {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400 and not response.url.endswith(PROBES):
            troubles.append(f"answered {response.status}: {response.url}")

    def said(message: ConsoleMessage) -> None:
        # What failed to load was told above, with its address.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            troubles.append(f"console: {message.text}")

    page.on("request", asked)
    page.on("response", answered)
    page.on("console", said)
    page.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep what the visitor saw when a test failed, and say where."""
    report = yield
    if call.when != "call" or not report.failed:
        return report
    folder = Path(tempfile.mkdtemp(prefix="tusker-failed-"))
    for number, page in enumerate(item.stash.get(PAGES, [])):
        file = folder / f"{item.name}-{number}.png"
        chromium.photograph(page, file)
        report.sections.append(("screenshot", str(file)))
    if server := item.funcargs.get("server"):
        report.sections.append(("server log", server.said()))
    return report
