"""Concurrent visitors on a public host: each gets their own predictions, none another's data."""

import io
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import crowd, pictures
from benchmarks.crowd import Expected
from core import backbones, runs
from core.jobs import JobFolder, State, scheduling
from core.model.classifier import Classifier
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors
from tests import shapes
from tests.browser.server import ROOT, Server, start
from tests.core.jobs import at_work
from tests.sessions.client import Session
from ui.reports.views import VIEWS

VISITORS = 6
PREDICTIONS = 2
MANY = 50
BITS = 6
SIGNAL = (255, 0, 255)
"""Colour at the top of a marked picture."""
VISITED = ("Summary", "Pictures", "Export")
MARK = re.compile(rb"mark\d\dbelongs\d{6}")
DIGITS = re.compile(rb"[0-9a-f]{32,}")


def picture(number: int) -> Image.Image:
    """A picture with its owner's number in broad stripes, which survive resizing."""
    pixels = np.zeros((192, 192, 3), np.uint8)
    pixels[:64] = SIGNAL
    for bit in range(BITS):
        pixels[64:, bit * 32 : (bit + 1) * 32] = 255 * (number >> bit & 1)
    return Image.fromarray(pixels)


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def owner(content: bytes) -> int | None:
    """The owner of a served file; None if it is not a marked picture."""
    try:
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((192, 192)))
    except OSError:
        return None
    if np.abs(pixels[16:48].mean((0, 1)) - SIGNAL).max() > 30:
        return None
    stripes = [pixels[96:160, bit * 32 + 8 : bit * 32 + 24].mean() > 128 for bit in range(BITS)]
    return sum(1 << bit for bit, white in enumerate(stripes) if white)


def mark_of(number: int) -> str:
    return f"mark{number:02d}belongs{number * 7919:06d}"


def ids_in(content: bytes) -> set[bytes]:
    """All possible run ids in a content, also within longer rows of digits."""
    rows = set(DIGITS.findall(content))
    return {row[at : at + 32] for row in rows for at in range(len(row) - 31)}


def add_run(server: Server, session: Session, number: int) -> Run:
    """Create a finished run of a visitor, with their name and their picture in it."""
    settings = Settings(home=server.home)
    path = runs.new_path(settings)
    shutil.copytree(runs.SAMPLE, path)
    run = Run(path)
    for position in range(run.report().pictures):
        if run.thumbnail(position).is_file():
            run.thumbnail(position).write_bytes(jpeg(number))
    run.annotate(lambda notes: notes.named(mark_of(number)).tagged((f"tag{mark_of(number)}"[:24],)))
    visitors.set_owner(run.path, visitors.visitor_id(session.cookie))
    return run


def open_view(session: Session, run: Run, view: str) -> None:
    """Open a view from another page; a view that is shown already stays, whatever the address."""
    session.open("train").open("reports", f"run={run.id}&view={view}")


def visit(server: Server, number: int) -> tuple[Session, Run]:
    """Predict a picture, read a report, and open every page with a list."""
    with Session(server.url) as session:
        run = add_run(server, session, number)
        session.open("predict")
        upload = session.upload(f"{mark_of(number)}.jpg", jpeg(number))
        session.open("predict", widgets=(upload,))
        for view in VISITED:
            open_view(session, run, view)
        session.open("predict", f"run={run.id}")
        for page in ("reports", "train", "predict"):
            session.open(page)
    return session, run


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A public host, which was stopped while an upload was waiting to be imported."""
    home = tmp_path_factory.mktemp("host") / "home"
    with pytest.MonkeyPatch.context() as stopped:
        stopped.setattr(scheduling, "start_dispatcher", lambda *_: None)
        at_work.enqueue_intake(Settings(home=home), "waiting", shapes.shapes_zip(home.parent))
    with start(home, app=ROOT / "server.py", TUSKER_MODE="public") as running:
        yield running


def visit_concurrently(host: Server, visitors: int) -> list[tuple[Session, Run]]:
    """The sessions and runs of visitors who visit at the same time."""
    with ThreadPoolExecutor(visitors) as pool:
        return list(pool.map(lambda number: visit(host, number), range(visitors)))


@pytest.fixture(scope="module")
def visits(host: Server) -> list[tuple[Session, Run]]:
    return visit_concurrently(host, VISITORS)


def assert_isolated(visits: list[tuple[Session, Run]]) -> None:
    assert len({session.cookie for session, _ in visits}) == len(visits)
    ids = {run.id.encode() for _, run in visits}
    for number, (session, run) in enumerate(visits):
        everything = session.everything()
        assert set(MARK.findall(everything)) == {mark_of(number).encode()}
        assert ids_in(everything) & ids == {run.id.encode()}
        owners = {owner(content) for content in session.served.values()} - {None}
        assert owners == {number}, f"visitor {number} received pictures of {owners}"


def test_jobs_that_were_queued_before_a_restart_run_without_a_visitor(host: Server) -> None:
    job = JobFolder(host.home / "uploads" / "waiting")
    at_work.wait_until(lambda: job.recorded().state is State.FINISHED)


def test_no_visitor_receives_names_ids_or_pictures_of_another(
    visits: list[tuple[Session, Run]],
) -> None:
    assert_isolated(visits)


@pytest.mark.slow
def test_fifty_visitors_receive_nothing_of_each_other(host: Server) -> None:
    assert_isolated(visit_concurrently(host, MANY))


def test_the_web_process_never_loads_tensorflow(
    host: Server, visits: list[tuple[Session, Run]]
) -> None:
    session, run = visits[0]
    with Session(host.url, cookie=session.cookie) as again:
        for view in VIEWS:
            open_view(again, run, view)
    libraries = "/tensorflow/", "/torch/", "/jax/"
    paths = {mapped.path for mapped in host.process.memory_maps()}
    assert not [path for path in paths if any(library in path for library in libraries)]


def test_a_reload_shows_the_visitors_own_runs_and_no_others(
    host: Server, visits: list[tuple[Session, Run]]
) -> None:
    (session, run), (_, other_run) = visits[:2]
    with Session(host.url, cookie=session.cookie) as reloaded:
        page = reloaded.open("reports").everything()
        assert reloaded.cookie == session.cookie
        assert run.id.encode() in page and other_run.id.encode() not in page
        assert b"finds again by a cookie" in page
        assert f"manage {run.id}".encode() in page, "the owner can manage it"
    with Session(host.url) as visitor:
        assert not any(run.id.encode() in visitor.open("reports").everything() for _, run in visits)


def test_the_cookie_is_random_and_hidden_from_scripts_and_other_sites(host: Server) -> None:
    with Session(host.url) as first, Session(host.url) as second:
        assert visitors.is_token(first.cookie) and first.cookie != second.cookie
        assert "HttpOnly" in first.header and "SameSite=Lax" in first.header
    with Session(host.url, cookie="x" * 32) as forged:
        assert visitors.is_token(forged.cookie)
    for path in Path(host.home).rglob("*"):
        with suppress(IsADirectoryError, FileNotFoundError):  # a job may have just deleted it
            assert first.cookie.encode() not in path.read_bytes()


def test_everyone_can_read_a_published_run_but_only_its_owner_can_change_it(
    host: Server, visits: list[tuple[Session, Run]]
) -> None:
    _, run = visits[3]
    run.publish(shown=True)
    with Session(host.url) as visitor:
        page = visitor.open("reports").everything()
        assert run.id.encode() in page and b"published" in page
        assert f"manage {run.id}".encode() not in page
        run.publish(shown=False)
        visitor.received.clear()
        assert run.id.encode() not in visitor.open("reports").everything()


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One photograph per prediction."""
    folder = tmp_path_factory.mktemp("photos")
    return [path.read_bytes() for path in pictures.photographs(folder, VISITORS * PREDICTIONS)]


@pytest.fixture(scope="module")
def expected_predictions(contents: list[bytes]) -> dict[bytes, Expected]:
    classifier = Classifier.of_backbone(backbones.get(backbones.DEFAULT), Settings())
    return crowd.serial_predictions(classifier, contents)


def test_concurrent_visitors_get_the_predictions_for_their_own_pictures(
    host: Server, contents: list[bytes], expected_predictions: dict[bytes, Expected]
) -> None:
    shares = [contents[number::VISITORS] for number in range(VISITORS)]
    with crowd.record_memory(host) as megabytes:
        visits = crowd.predict_at_once(host, shares, expected_predictions)
    assert (visits.errors, visits.wrong) == ([], [])
    assert len(visits.seconds) == len(contents)
    assert 0 < (visits.percentile(50) or 0) <= (visits.percentile(95) or 0)
    assert 50 < max(megabytes) < 600
