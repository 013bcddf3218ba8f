"""Uploads of the pages under `server.py`: on the disk, only what was asked for, and limited."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import MEGABYTE, Settings
from tests.api.client import Client
from tests.browser.server import ROOT, Server, start
from tests.sessions.client import Session
from tests.shapes import draw, encoded


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A public host for files of at most 100 MB, 250 MB of all visitors, with a token."""
    home = tmp_path_factory.mktemp("host") / "home"
    limits = {"TUSKER_ARCHIVE_MEGABYTES": "100", "TUSKER_ARRIVING_MEGABYTES": "250"}
    limits["TUSKER_API_TOKEN"] = "secret"
    app = ROOT / "server.py"
    with start(home, app=app, TUSKER_MODE="public", TMPDIR=str(home), **limits) as running:
        yield running


def test_the_token_of_the_host_is_asked_by_the_api_and_not_by_the_pages(host: Server) -> None:
    client = Client(host.url)
    assert client.request("/").status == 200
    assert client.request("/api/models").status == 401
    assert client.request("/api/models", Authorization="Bearer secret").status == 200


def zipped(megabytes: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/b.jpg", os.urandom(MEGABYTE) * megabytes)
    return buffer.getvalue()


def spooled(host: Server) -> list[Path]:
    return [path for path in host.home.glob("arriving/*/*") if path.is_file()]


def shows_picture(session: Session) -> bool:
    return any(element.HasField("imgs") for element in session.elements) and not any(
        element.HasField("exception") for element in session.elements
    )


def test_a_large_zip_reaches_the_job_without_passing_through_memory(host: Server) -> None:
    with Session(host.url) as session, host.jobs_wait():  # its job deletes the zip
        session.open("train")
        before = host.settled_memory()
        content = zipped(99)
        widget = session.upload("ü “a”.zip", content)
        session.open("train", widgets=(widget,))
        assert host.memory() - before < 50 * MEGABYTE
        (stored,) = host.home.glob("uploads/*/upload.zip")
        assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(content).digest()
        specs = [json.loads(path.read_text()) for path in stored.parent.glob("*.json")]
        assert "ü “a”" in [spec["arguments"]["name"] for spec in specs if "arguments" in spec]
        assert not spooled(host)


def test_a_picture_stays_on_the_disk_until_the_visitor_chooses_another(tmp_path: Path) -> None:
    photograph = encoded(draw(1, size=64))
    # Its session, and so the last picture, outlive the visitor by two minutes.
    app = ROOT / "server.py"
    with (
        start(tmp_path / "home", app=app, TUSKER_MODE="public") as host,
        Session(host.url) as session,
    ):
        session.open("predict")
        first = session.upload("first.jpg", photograph)
        session.open("predict", widgets=(first,))
        assert shows_picture(session) and len(spooled(host)) == 1
        session.remove_upload(first)  # as a browser does when the visitor leaves the page
        session.open("train")
        session.open("predict")
        assert shows_picture(session)
        second = session.upload("second.jpg", photograph)
        session.open("predict", widgets=(second,))
        assert shows_picture(session) and len(spooled(host)) == 1
        before = host.settled_memory()
        large = session.upload("large.tiff", bytes(80 * MEGABYTE))
        session.open("predict", widgets=(large,))
        alerts = [element.alert.body for element in session.elements if element.HasField("alert")]
        assert any("50 MB" in alert for alert in alerts)
        assert host.memory() - before < 40 * MEGABYTE, "it is refused without being read"


def test_only_requested_files_are_accepted_and_limited(
    host: Server,
) -> None:
    content = b"x" * (90 * MEGABYTE)
    with Session(host.url) as session, Session(host.url) as second, Session(host.url) as third:
        for visitor in (session, second, third):
            visitor.open("predict")
        offered = session.offer("a.zip").upload_url
        folder, _, _ = offered.rpartition("/")
        # Streamlit takes any name of a file, and would keep it in memory.
        for name in ("0" * 32, "not.offered", "%C3%BC", "a%20b", "a%0A", "a:b"):
            assert session.put(f"{folder}/{name}", "a.zip", b"x") == 403
        assert second.put(second.offer("a").upload_url.replace("upload_file", "x"), "a", b"") >= 400
        assert session.put(offered, "a.zip", content) == 204
        assert session.put(session.offer("b.zip").upload_url, "b.zip", content) == 204
        # A file, a session and the host have limits.
        assert session.put(session.offer("c.zip").upload_url, "c.zip", content) == 413
        large = session.offer("d.zip").upload_url
        assert session.put(large, "d.zip", b"x" * (102 * MEGABYTE)) == 413
        assert second.put(second.offer("e.zip").upload_url, "e.zip", content) == 507
        assert len(spooled(host)) == 2
        assert second.put(second.offer("f.jpg").upload_url, "f.jpg", b"small") == 204
        assert not list(host.home.glob("tmp*")), "nothing is left of what was refused"


def test_a_request_for_very_many_files_gets_as_many_as_an_archive_may_have(host: Server) -> None:
    """A name takes two bytes of the request; everybody would wait for all that it asks for."""
    with Session(host.url) as session:
        session.open("train")
        assert len(session.offers([""] * 50_000)) == Settings().archive_entries
        assert session.put(session.offer("a.zip").upload_url, "a.zip", b"x") == 204
