"""A second click before the page has answered the first: nothing is lost or done twice."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs.queue import slot
from core.settings import Settings
from tests.browser.server import ROOT, Server, start
from tests.sessions.client import Session
from tests.shapes import shapes_zip

MILLISECONDS = (0, 5, 10, 15, 30, 100)
"""Between two clicks: before, during and after the callback of the first one."""
START = "Start training"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("host") / "home"
    with start(home, app=ROOT / "server.py", TUSKER_MODE="personal") as running:
        yield running


def runs(host: Server) -> set[str]:
    return {path.name for path in host.home.glob("runs/*")}


def test_a_double_click_starts_one_training_and_shows_it(host: Server, tmp_path: Path) -> None:
    content = shapes_zip(tmp_path, per_class=4).read_bytes()
    with Session(host.url) as session:
        session.open("train")
        session.open("train", widgets=(session.upload("a.zip", content),))
        pictures = session.address
        until = time.monotonic() + 60
        while not session.buttons(START) and time.monotonic() < until:
            time.sleep(0.1)
            session.open("train", pictures)
        with slot(Settings(home=host.home)):  # so that the trainings wait
            for pause in MILLISECONDS:
                before = runs(host)
                session.open("train", pictures)
                (button,) = session.buttons(START)
                session.click("train", pictures, button, pause / 1000)
                (new,) = runs(host) - before
                assert session.address == f"run={new}", f"after {pause} ms"
                assert session.buttons("Cancel") and not session.buttons(START)
