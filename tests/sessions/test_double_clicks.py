"""A second request before the page has answered the first: nothing is lost or done twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.browser.server import ROOT, Server, start
from tests.core.jobs import at_work
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


def made(host: Server, kind: str) -> set[str]:
    return {path.name for path in host.home.glob(f"{kind}/*")}


def test_a_click_that_leads_to_another_page_is_not_lost_to_another_request(host: Server) -> None:
    with Session(host.url) as session:
        session.open("reports")
        (button,) = session.buttons("Train your own classes")
        click = WidgetState(id=button.id, trigger_value=True)
        session.send_twice("reports", "", click, 0, again=False)
        titles = [element.heading.body for element in session.elements]
        assert "1 · Pictures" in titles


def test_a_double_click_starts_one_training_and_shows_it(host: Server, tmp_path: Path) -> None:
    content = shapes_zip(tmp_path, per_class=4).read_bytes()
    with Session(host.url) as session:
        session.open("train")
        session.open("train", widgets=(session.upload("a.zip", content),))
        pictures = session.address
        at_work.wait_until(lambda: session.open("train", pictures).buttons(START))
        with host.jobs_wait():
            for pause in MILLISECONDS:
                before = made(host, "runs")
                session.open("train", pictures)
                (button,) = session.buttons(START)
                click = WidgetState(id=button.id, trigger_value=True)
                session.send_twice("train", pictures, click, pause / 1000)
                (new,) = made(host, "runs") - before
                assert session.address == f"run={new}", f"after {pause} ms"
                assert session.buttons("Cancel") and not session.buttons(START)
                # Another request instead of the second click.
                before = made(host, "runs")
                session.open("train", pictures)
                (button,) = session.buttons(START)
                click = WidgetState(id=button.id, trigger_value=True)
                session.send_twice("train", pictures, click, pause / 1000, again=False)
                assert len(made(host, "runs") - before) == 1, f"after {pause} ms"


def test_files_that_a_browser_names_again_are_taken_once_and_shown(
    host: Server, tmp_path: Path
) -> None:
    content = shapes_zip(tmp_path, per_class=4).read_bytes()
    for pause in MILLISECONDS:
        before = made(host, "uploads")
        with Session(host.url) as session:
            session.open("train")
            session.send_twice("train", "", session.upload("a.zip", content), pause / 1000)
            (new,) = made(host, "uploads") - before
            assert session.address == f"upload={new}", f"after {pause} ms"
            drawn = {element.WhichOneof("type") for element in session.elements}
            assert not drawn & {"alert", "file_uploader"}, "the pictures are shown"
