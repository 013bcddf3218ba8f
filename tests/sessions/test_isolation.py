"""Fifty visitors at once on a public host: nobody meets what is another's."""

import io
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import runs
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors
from tests.browser.server import ROOT, Server, start
from tests.sessions.client import Session

VISITORS = 50
BITS = 6
SIGNAL = (255, 0, 255)
"""Colour at the top of a marked picture."""
VIEWS = ("Summary", "Pictures", "Export")
MARK = re.compile(rb"mark\d\dbelongs\d{6}")
DIGITS = re.compile(rb"[0-9a-f]{32,}")


def picture(number: int) -> Image.Image:
    """A picture that says whose it is in broad stripes, which no shrinking takes away."""
    pixels = np.zeros((192, 192, 3), np.uint8)
    pixels[:64] = SIGNAL
    for bit in range(BITS):
        pixels[64:, bit * 32 : (bit + 1) * 32] = 255 * (number >> bit & 1)
    return Image.fromarray(pixels)


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def whose(content: bytes) -> int | None:
    """Whose a served file is; None where it is no marked picture."""
    try:
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((192, 192)))
    except OSError:
        return None
    if np.abs(pixels[16:48].mean((0, 1)) - SIGNAL).max() > 30:
        return None
    stripes = [pixels[96:160, bit * 32 + 8 : bit * 32 + 24].mean() > 128 for bit in range(BITS)]
    return sum(1 << bit for bit, white in enumerate(stripes) if white)


def text(number: int) -> str:
    return f"mark{number:02d}belongs{number * 7919:06d}"


def names_in(content: bytes) -> set[bytes]:
    """Whatever could be the name of a run, wherever it stands in a row of such digits."""
    rows = set(DIGITS.findall(content))
    return {row[at : at + 32] for row in rows for at in range(len(row) - 31)}


def taught(server: Server, session: Session, number: int) -> Run:
    """A finished run of a visitor's, with their name on it and their picture in it."""
    settings = Settings(home=server.home)
    path = runs.new_path(settings)
    shutil.copytree(runs.SAMPLE, path)
    run = Run(path)
    for position in range(run.report().pictures):
        if run.thumbnail(position).is_file():
            run.thumbnail(position).write_bytes(jpeg(number))
    run.annotate(lambda said: said.named(text(number)).tagged((f"tag{text(number)}"[:24],)))
    visitors.set_owner(run.path, visitors.visitor_id(session.cookie))
    return run


def visit(server: Server, number: int) -> tuple[Session, Run]:
    """What a visitor does: asks about a picture, reads a report, looks at every list."""
    with Session(server.url) as session:
        run = taught(server, session, number)
        session.open("predict")
        given = session.upload(f"{text(number)}.jpg", jpeg(number))
        session.open("predict", widgets=(given,))
        for view in VIEWS:
            session.open("reports", f"run={run.id}&view={view}")
        session.open("predict", f"run={run.id}")
        for page in ("reports", "train", "predict"):
            session.open(page)
    return session, run


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A public host."""
    home = tmp_path_factory.mktemp("host") / "home"
    with start(home, app=ROOT / "server.py", TUSKER_MODE="public") as running:
        yield running


@pytest.fixture(scope="module")
def crowd(host: Server) -> list[tuple[Session, Run]]:
    """All of them, at once."""
    with ThreadPoolExecutor(VISITORS) as pool:
        return list(pool.map(lambda number: visit(host, number), range(VISITORS)))


def test_nobody_is_told_or_given_what_is_anothers(crowd: list[tuple[Session, Run]]) -> None:
    assert len({session.cookie for session, _ in crowd}) == VISITORS
    ids = {run.id.encode() for _, run in crowd}
    for number, (session, run) in enumerate(crowd):
        everything = session.everything()
        assert set(MARK.findall(everything)) == {text(number).encode()}
        assert names_in(everything) & ids == {run.id.encode()}
        found = {whose(content) for content in session.served.values()} - {None}
        assert found == {number}, f"visitor {number} was shown pictures of {found}"


def test_a_reload_finds_ones_own_runs_again_and_a_stranger_finds_none(
    host: Server, crowd: list[tuple[Session, Run]]
) -> None:
    (mine, run), (_, theirs) = crowd[:2]
    with Session(host.url, cookie=mine.cookie) as again:
        said = again.open("reports").everything()
        assert again.cookie == mine.cookie
        assert run.id.encode() in said and theirs.id.encode() not in said
        assert b"finds again by a cookie" in said
        assert f"delete {run.id}".encode() in said, "it is theirs to delete"
    with Session(host.url) as stranger:
        assert not any(run.id.encode() in stranger.open("reports").everything() for _, run in crowd)


def test_the_cookie_is_random_and_out_of_reach_of_scripts_and_other_sites(host: Server) -> None:
    with Session(host.url) as one, Session(host.url) as other:
        assert visitors.is_token(one.cookie) and one.cookie != other.cookie
        assert "HttpOnly" in one.header and "SameSite=Lax" in one.header
    with Session(host.url, cookie="x" * 32) as forged:
        assert visitors.is_token(forged.cookie)
    kept = Path(host.home).rglob("*")
    content = b"".join(path.read_bytes() for path in kept if path.is_file())
    assert one.cookie.encode() not in content


def test_a_run_that_is_published_is_everybodys_to_read_and_nobody_elses_to_change(
    host: Server, crowd: list[tuple[Session, Run]]
) -> None:
    _, run = crowd[3]
    run.publish(shown=True)
    with Session(host.url) as stranger:
        said = stranger.open("reports").everything()
        assert run.id.encode() in said and b"published" in said
        assert f"delete {run.id}".encode() not in said
        run.publish(shown=False)
        stranger.got.clear()
        assert run.id.encode() not in stranger.open("reports").everything()
