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
    """The app, with an empty home, in personal mode; the runtime of its live view is here too.

    No test may make the web process load TensorFlow.
    """
    home = tmp_path_factory.mktemp("browser") / "home"
    with (
        litert.serve(litert.FOLDER) as runtime_url,
        start(home, TUSKER_LIVE_RUNTIME=runtime_url) as running,
    ):
        yield running
        loaded = [m.path for m in running.process.memory_maps() if "/tensorflow/" in m.path]
        assert not loaded, "the web process has loaded TensorFlow"


@pytest.fixture(scope="session")
def runtime(shared: Callable[..., Any]) -> None:
    """The runtime of the live view lies where the app expects it. Skipped where npm is missing."""
    if why := shared("runtime", lambda _: litert.install(litert.FOLDER)):
        pytest.skip(why)


@pytest.fixture(scope="session")
def camera_pictures() -> list[Image.Image]:
    """What the fake camera sees in turn: two photographs of different classes."""
    return moving_camera.photographs()


@pytest.fixture(scope="session")
def chrome(
    tmp_path_factory: pytest.TempPathFactory, camera_pictures: list[Image.Image]
) -> Iterator[Browser]:
    """Chromium with a fake camera. Without one the tests are skipped, but not in CI."""
    if not chromium.find():
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("no Chromium on this machine; on Debian: apt-get install chromium")
    film = chromium.film(camera_pictures, tmp_path_factory.mktemp("camera"), FILM_FRAMES)
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
    page_errors: list[str] = []

    def open_(path: str = "", *, width: int = chromium.WIDE, scheme: str = "light") -> Page:
        page = visitors(width, scheme).new_page()
        pages.append(page)
        _listen(page, page_errors)
        page.goto(f"{server.url}/{path}")
        chromium.settle(page)
        return page

    yield open_
    for page in pages:
        page.close()
    assert not page_errors, "\n".join(page_errors)


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The first page, 1,400 pixels wide, light."""
    return open_page()


@pytest.fixture(scope="session")
def trained_run(server: Server, shared: Callable[..., Any]) -> Run:
    """A Quick run on shapes, without exports."""

    def build(folder: Path) -> Run:
        path = folder / ("0123456789abcdef" * 2)
        trained = train(import_dataset(folder), config.preset("quick"), path, Settings(home=folder))
        job = trained.run.job
        job.open(JobSpec(kind="train", arguments={"pictures": str(trained.pictures)}))
        job.begin()
        for event in trained.events:
            job.events.append(event)
        job.end(State.FINISHED)
        return trained.run

    original = shared("browser-training", build)
    return Run(shutil.copytree(original.path, server.home / "runs" / original.id))


def _listen(page: Page, page_errors: list[str]) -> None:
    def on_request(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https", "ws", "wss"} and url.hostname not in HERE:
            page_errors.append(f"asked another machine: {request.url}")

    def on_response(response: Response) -> None:
        if response.status >= 400 and not response.url.endswith(PROBES):
            page_errors.append(f"answered {response.status}: {response.url}")

    def on_console(message: ConsoleMessage) -> None:
        # What failed to load was told above, with its address.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            page_errors.append(f"console: {message.text}")

    page.on("request", on_request)
    page.on("response", on_response)
    page.on("console", on_console)
    page.on("pageerror", lambda error: page_errors.append(f"uncaught: {error}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Keep what the visitor saw when a test failed, and say where."""
    report = yield
    if call.when != "call" or not report.failed:
        return report
    folder = Path(tempfile.mkdtemp(prefix="tusker-failed-"))
    for number, page in enumerate(item.stash.get(PAGES, [])):
        file = folder / f"{item.name}-{number}.png"
        chromium.screenshot(page, file)
        report.sections.append(("screenshot", str(file)))
    if server := item.funcargs.get("server"):
        report.sections.append(("server log", server.log_tail()))
    return report
