"""Hostile input: how much of it does harm, and what it costs a public host.

    python -m benchmarks.hostile --corpora DIR
    python -m benchmarks.hostile --visitors 8 --megabytes 500 --json

DIR has the folders `images` and `archives`, with files made to break readers; without it these are
not tried. Each file is read in a new folder of a separate process, each bundle imported likewise,
and CPU seconds and the growth of memory are measured per file. It does harm if the process crashes,
if the outcome is no result and no sentence, or if anything changes outside its folder.

Requests, slow clients, visitors and uploads reach a server in public mode, as `make run` starts it.
A request does harm if its reply is not one sentence with a status from 400 to 499. Slow clients are
half-sent headers and bodies that do not go on; the seconds are those of a client who comes
meanwhile. Memory is the resident memory of the web process.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from benchmarks import crowd
from benchmarks.crowd import MEGABYTE
from benchmarks.report import Figure, argument_parser, show
from core.images.budget import SHARES
from tests import shapes
from tests.api import test_hostile as requests
from tests.api.client import FORM, Client, form, picture
from tests.browser.server import ROOT, Server, start
from tests.core.bundles.hostile import BUNDLES
from tests.sessions.client import Session

SECONDS, MEGABYTES = 2.0, 200.0
"""Required of each file: CPU seconds and growth of memory."""
HALF_HEADERS, SLOW_BODIES = 700, 32
ANSWER_SECONDS = 3.0
PEAK_MEGABYTES, UPLOAD_MEGABYTES, REQUESTS_MEGABYTES = 700.0, 50.0, 100.0
HEADER = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n"
BODY = (
    f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    "Content-Length: 1000000\r\n\r\n-"
)


def read_files(kind: str, files: Sequence[Path], scratch: Path) -> dict[str, Figure]:
    """Read files of a kind of `tests.core.corpus`, one after another in a separate process."""
    command = [sys.executable, "-m", "tests.core.corpus", kind, str(scratch), *map(str, files)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    trials = [json.loads(line) for line in process.stdout.splitlines()]
    return count_trials(kind, trials, crashed=process.returncode != 0)


def count_trials(
    kind: str, trials: Sequence[dict[str, Any]], *, crashed: bool
) -> dict[str, Figure]:
    """The figures of one kind of files; see `tests.core.corpus.attempt` for a trial."""
    outcomes = [trial["outcome"].partition(":")[0] for trial in trials]
    harm = sum(
        trial["escaped"] or outcome == "crash"
        for trial, outcome in zip(trials, outcomes, strict=True)
    )
    # Some pictures and archives of the corpora are only odd; each of the bundles is malicious.
    most_accepted = 0 if kind == "bundles" else None
    return {
        f"{kind} tried": Figure(len(trials), at_least=1),
        f"{kind} accepted": Figure(outcomes.count("accepted"), at_most=most_accepted),
        f"{kind} that did harm": Figure(harm + crashed, at_most=0),
        f"{kind}, slowest, CPU seconds": Figure(_most(trials, "seconds"), at_most=SECONDS),
        f"{kind}, most memory, MB": Figure(_most(trials, "megabytes"), at_most=MEGABYTES),
    }


def send_requests(server: Server) -> dict[str, Figure]:
    """Send malformed and malicious requests to the API."""
    client = Client(server.url)
    client.predict(picture(shapes.encoded(shapes.draw(1))))
    before, harm = server.memory(), 0
    for content_type, body, expected in requests.BODIES.values():
        reply = client.post(body, content_type)
        try:
            harm += reply.status != expected or not reply.error
        except (AssertionError, ValueError):
            harm += 1
    return {
        "requests tried": Figure(len(requests.BODIES), at_least=1),
        "requests that did harm": Figure(harm, at_most=0),
        "growth over the requests, MB": Figure(
            (server.memory() - before) / MEGABYTE, at_most=REQUESTS_MEGABYTES
        ),
    }


def connect_slowly(server: Server) -> dict[str, Figure]:
    """Keep connections open that do not go on, and measure what another client gets."""
    url, began = urlsplit(server.url), time.monotonic()
    messages = [HEADER] * HALF_HEADERS + [BODY.encode()] * SLOW_BODIES
    body = form(picture(shapes.encoded(shapes.draw(1))))
    with ExitStack() as stack:
        connections = []
        for message in messages:
            connection = socket.create_connection((url.hostname, url.port), 30)
            stack.enter_context(connection).sendall(message)
            connections.append(connection)
        began = time.monotonic()
        with socket.create_connection((url.hostname, url.port), 60, ("127.0.0.2", 0)) as other:
            head = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
            length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            other.sendall((head + length).encode() + body)
            answered = other.recv(64).startswith(b"HTTP/1.1 200")
        seconds = time.monotonic() - began
        deadline = time.monotonic() + 60
        still_open = sum(not _is_closed(connection, deadline) for connection in connections)
    return {
        "slow connections tried": Figure(len(messages), at_least=1),
        "seconds to an answer of another client": Figure(
            seconds if answered else None, at_most=ANSWER_SECONDS
        ),
        "slow connections still open after a minute": Figure(still_open, at_most=0),
    }


def _is_closed(connection: socket.socket, deadline: float) -> bool:
    """Whether the server closes a connection before the deadline, in monotonic seconds."""
    connection.settimeout(max(0.01, deadline - time.monotonic()))
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def worst_pictures(folder: Path, pixels: int) -> Iterator[tuple[str, bytes]]:
    """Honest pictures that cost most to decode, each at the limit of pixels for its format."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    kinds: tuple[tuple[str, float, dict[str, Any]], ...] = (
        ("progressive.jpg", 1.0, {"progressive": True, "subsampling": 0}),
        ("large.png", 1.0, {"compress_level": 1}),
        ("large.tiff", 0.65, {}),  # beyond that its file is too large
        ("large.webp", SHARES.get("WEBP", 1.0), {"quality": 50, "method": 0}),
        ("large.avif", SHARES.get("AVIF", 1.0), {"speed": 10}),
        ("deep.png", 1.0, {}),
    )
    for name, share, options in kinds:
        edge = int((share * pixels) ** 0.5)
        image = Image.fromarray(noise).resize((edge, edge))
        if name == "deep.png":
            image = Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)
        image.save(folder / name, **options)
        yield name, (folder / name).read_bytes()


def visit(server: Server, visitors: int, folder: Path, pixels: int) -> dict[str, Figure]:
    """Let visitors upload the worst pictures at the same time, each all of them in turn."""
    pictures = list(worst_pictures(folder, pixels))

    def upload_all(number: int) -> int:
        answers = 0
        with Session(server.url) as session:
            session.open("predict")
            for name, content in pictures[number:] + pictures[:number]:
                upload = session.upload(name, content)
                session.open("predict", widgets=(upload,))
                answers += any(element.HasField("imgs") for element in session.elements)
                session.remove_upload(upload)
        return answers

    starts = [number % len(pictures) for number in range(visitors)]
    with crowd.record_memory(server) as megabytes, ThreadPoolExecutor(visitors) as pool:
        answers = sum(pool.map(upload_all, starts))
    return {
        f"pictures of {visitors} visitors at once": Figure(visitors * len(pictures)),
        "pictures answered": Figure(answers),
        "web process at peak, MB": Figure(max(megabytes), at_most=PEAK_MEGABYTES),
    }


def upload(server: Server, size: int) -> dict[str, Figure]:
    """Upload one large zip on Train."""
    content = bytes(MEGABYTE) * size
    with Session(server.url) as session:
        session.open("train")
        before = server.memory() / MEGABYTE
        with crowd.record_memory(server) as megabytes:
            session.upload("large.zip", content)
    return {
        f"growth over an upload of {size} MB, MB": Figure(
            max(megabytes) - before, at_most=UPLOAD_MEGABYTES
        )
    }


def _most(trials: Sequence[dict[str, Any]], key: str) -> float | None:
    return max((float(trial[key]) for trial in trials), default=None)


def main(arguments: list[str] | None = None) -> int:
    """Try everything and print the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--corpora",
        type=Path,
        default=os.environ.get("TUSKER_TEST_CORPORA"),
        help="folder of hostile files; default: TUSKER_TEST_CORPORA",
    )
    parser.add_argument("--visitors", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=24_900_000, help="of each worst picture")
    parser.add_argument("--megabytes", type=int, default=500, help="size of the uploaded zip")
    options = parser.parse_args(arguments)
    figures: dict[str, Figure] = {}
    notes = [] if options.corpora else ["Pictures and archives were not tried: no corpora."]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("images", "archives") if options.corpora else ():
            files = sorted(p for p in (Path(options.corpora) / kind).rglob("*") if p.is_file())
            figures |= read_files(kind, files, folder / "scratch")
        bundles = folder / "bundles"
        bundles.mkdir()
        for number, build in enumerate(BUNDLES.values()):
            (bundles / f"{number:03}.zip").write_bytes(build())
        figures |= read_files("bundles", sorted(bundles.iterdir()), folder / "scratch")
        public = partial(
            start, folder / "home", app=ROOT / "server.py", TUSKER_MODE="public", TMPDIR=name
        )
        with public() as server:
            figures |= send_requests(server)
            figures |= connect_slowly(server)
            figures |= visit(server, options.visitors, folder, options.pixels)
        # A new process, since what the visitors left would hide what the upload takes.
        with public() as server:
            figures |= upload(server, options.megabytes)
    return show(figures, as_json=options.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
