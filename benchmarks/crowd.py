"""Visitors by the dozen, each with pictures of their own, and what they must be answered."""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import psutil

from core.model.classifier import Classifier
from tests.browser.server import Server
from tests.sessions.client import Session

TOP = 3
"""Answers that the page shows of itself."""
CLOSE = 1e-4
"""By how much a probability may differ: one interpreter sums in another order than the next."""
LOOK_SECONDS = 0.5
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Expected:
    """What a page must show of a picture: labels and probabilities, the likeliest first."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    index: int


@dataclass
class Held:
    """What came of a crowd; several threads add to it.

    Attributes:
        seconds: from giving a picture to the finished page with its preview, of each answer.
        wrong: a sentence for each answer that was not the serial one's.
        errors: a sentence for each visitor who could not go on.
        took: seconds from the first to the last.
        served: seconds of a core that the web process took meanwhile.
        others: seconds of a core that anything but it and the visitors took meanwhile.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    took: float = 0.0
    served: float = 0.0
    others: float = 0.0

    def percentile(self, share: float) -> float | None:
        """Seconds within which this per cent of the answers came; None where there were none."""
        return float(np.percentile(self.seconds, share)) if self.seconds else None


def oracle(classifier: Classifier, pictures: Sequence[bytes]) -> dict[bytes, Expected]:
    """The answers to pictures, one after another, from their bytes."""
    found = {}
    for content in pictures:
        guesses = classifier.top(classifier.answer(classifier.load(content)).probabilities, TOP)
        found[content] = Expected(
            tuple(guess.label for guess in guesses),
            tuple(guess.probability for guess in guesses),
            guesses[0].index,
        )
    return found


def hold(
    server: Server, shares: Sequence[Sequence[bytes]], truth: Mapping[bytes, Expected]
) -> Held:
    """Let a visitor come for each share, and once all are there ask about their pictures at once.

    Each asks about the next picture as soon as the answer to the last is there.
    """
    held = Held()
    together = threading.Barrier(len(shares))

    def visit(number: int) -> None:
        try:
            with Session(server.url) as session:
                session.open("predict")
                together.wait(timeout=120)
                for turn, content in enumerate(shares[number]):
                    _ask(session, f"{number}-{turn}.jpg", content, truth, held)
        except Exception as error:
            together.abort()
            held.errors.append(f"visitor {number}: {error!r}")

    began, machine, web, ours = time.monotonic(), _busy(), _taken(server), time.process_time()
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(visit, range(len(shares))))
    held.took = time.monotonic() - began
    held.served = _taken(server) - web
    held.others = max(0.0, _busy() - machine - held.served - (time.process_time() - ours))
    return held


def _busy() -> float:
    """Seconds of a core that the machine has worked since it was started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


def _taken(server: Server) -> float:
    times = server.process.cpu_times()
    return times.user + times.system


def come_and_go(
    server: Server,
    visits: int,
    pictures: Sequence[bytes],
    truth: Mapping[bytes, Expected],
    at_once: int = 20,
) -> Held:
    """Let visitors come, ask one picture and leave, so many at once, until all have been there."""
    held = Held()
    turns = list(itertools.islice(itertools.cycle(pictures), visits))

    def visit(number: int) -> None:
        try:
            with Session(server.url) as session:
                session.open("predict")
                _ask(session, f"{number}.jpg", turns[number], truth, held)
        except Exception as error:
            held.errors.append(f"visitor {number}: {error!r}")

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(visit, range(visits)))
    return held


@contextmanager
def watched(server: Server) -> Iterator[list[float]]:
    """Megabytes of the web process while the block runs, every half second."""
    seen = [server.memory() / MEGABYTE]
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            seen.append(server.memory() / MEGABYTE)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
        seen.append(server.memory() / MEGABYTE)


def differs(session: Session, expected: Expected) -> str:
    """How what a page shows differs from what it must; empty if it does not."""
    for element in session.elements:
        if element.HasField("exception") or element.HasField("alert"):
            return "an error in place of an answer"
    charts = [e.plotly_chart for e in session.elements if e.HasField("plotly_chart")]
    said = [e.markdown.body for e in session.elements if e.HasField("markdown")]
    if len(charts) != 1:
        return f"{len(charts)} charts in place of one"
    bars = json.loads(charts[0].spec)["data"][1]
    labels = tuple(pair[0] for pair in bars["customdata"])
    index = re.search(r"index (\d+)", " ".join(said))
    if labels != expected.labels or index is None or int(index[1]) != expected.index:
        return f"{labels} in place of {expected.labels}"
    if not np.allclose(bars["x"], expected.probabilities, rtol=0, atol=CLOSE):
        return f"{bars['x']} in place of {expected.probabilities}"
    return ""


def _ask(
    session: Session, name: str, content: bytes, truth: Mapping[bytes, Expected], held: Held
) -> None:
    session.got.clear()
    session.served.clear()
    began = time.monotonic()
    given = session.upload(name, content)
    session.open("predict", widgets=(given,))
    held.seconds.append(time.monotonic() - began)
    if difference := differs(session, truth[content]):
        held.wrong.append(f"{name}: {difference}")
    session.take_back(given)
