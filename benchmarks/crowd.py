"""Simulate many concurrent visitors and check their predictions against a serial run."""

import itertools
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
"""Predictions that the page shows."""
TOLERANCE = 0.01
"""Maximum difference of a probability: the bars have whole per cents."""
INTERVAL_SECONDS = 0.5
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Expected:
    """The labels and probabilities that the page must show for a picture, best first."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    index: int


@dataclass
class Visits:
    """The results of many visits; several threads add to them.

    Attributes:
        seconds: of each answer, from the upload to the finished page with its preview.
        wrong: a sentence per answer that differs from the serial run.
        errors: a sentence per visitor whose connection failed.
        took: wall-clock seconds of all visits.
        served: CPU seconds of the web process.
        others: CPU seconds of all processes but the server and the visitors.
    """

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    took: float = 0.0
    served: float = 0.0
    others: float = 0.0

    def percentile(self, share: float) -> float | None:
        """A percentile of the seconds; None without answers."""
        return float(np.percentile(self.seconds, share)) if self.seconds else None


def serial_predictions(classifier: Classifier, pictures: Sequence[bytes]) -> dict[bytes, Expected]:
    """The expected predictions, computed one picture after the other."""
    expected = {}
    for content in pictures:
        guesses = classifier.top(classifier.answer(classifier.load(content)).probabilities, TOP)
        expected[content] = Expected(
            tuple(guess.label for guess in guesses),
            tuple(guess.probability for guess in guesses),
            guesses[0].index,
        )
    return expected


def predict_at_once(
    server: Server, shares: Sequence[Sequence[bytes]], truth: Mapping[bytes, Expected]
) -> Visits:
    """Connect one visitor per share; once all are connected, each uploads its pictures in turn."""
    visits = Visits()
    barrier = threading.Barrier(len(shares))

    def visit(number: int) -> None:
        try:
            with Session(server.url) as session:
                session.open("predict")
                barrier.wait(timeout=120)
                for turn, content in enumerate(shares[number]):
                    _predict(session, f"{number}-{turn}.jpg", content, truth, visits)
        except Exception as error:
            barrier.abort()
            visits.errors.append(f"visitor {number}: {error!r}")

    began, machine_seconds, web_seconds, own_seconds = (
        time.monotonic(),
        _busy_seconds(),
        _cpu_seconds(server),
        time.process_time(),
    )
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(visit, range(len(shares))))
    visits.took = time.monotonic() - began
    visits.served = _cpu_seconds(server) - web_seconds
    visits.others = max(
        0.0, _busy_seconds() - machine_seconds - visits.served - (time.process_time() - own_seconds)
    )
    return visits


def _busy_seconds() -> float:
    """CPU seconds of the machine since it was started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0)


def _cpu_seconds(server: Server) -> float:
    times = server.process.cpu_times()
    return times.user + times.system


def visit_in_turn(
    server: Server,
    count: int,
    pictures: Sequence[bytes],
    truth: Mapping[bytes, Expected],
    at_once: int = 20,
) -> Visits:
    """Let visitors connect, upload one picture and leave, `at_once` at a time."""
    visits = Visits()
    turns = list(itertools.islice(itertools.cycle(pictures), count))

    def visit(number: int) -> None:
        try:
            with Session(server.url) as session:
                session.open("predict")
                _predict(session, f"{number}.jpg", turns[number], truth, visits)
        except Exception as error:
            visits.errors.append(f"visitor {number}: {error!r}")

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(visit, range(count)))
    return visits


@contextmanager
def record_memory(server: Server) -> Iterator[list[float]]:
    """Record the megabytes of the web process during the block, every half second."""
    megabytes = [server.memory() / MEGABYTE]
    stop = threading.Event()

    def record() -> None:
        while not stop.wait(INTERVAL_SECONDS):
            megabytes.append(server.memory() / MEGABYTE)

    watcher = threading.Thread(target=record)
    watcher.start()
    try:
        yield megabytes
    finally:
        stop.set()
        watcher.join()
        megabytes.append(server.memory() / MEGABYTE)


def differs(session: Session, expected: Expected) -> str:
    """How a page differs from the expected predictions; empty if it does not."""
    for element in session.elements:
        if element.HasField("exception") or element.HasField("alert"):
            return "an error instead of an answer"
    bars = [e.progress for e in session.elements if e.HasField("progress")]
    texts = [e.markdown.body for e in session.elements if e.HasField("markdown")]
    labels = tuple(re.sub(r"\\(.)", r"\1", bar.text.rpartition(" · ")[0]) for bar in bars)
    shares = [bar.value / 100 for bar in bars]
    index = re.search(r"Class number (\d+) ", " ".join(texts))
    if labels != expected.labels or index is None or int(index[1]) != expected.index:
        return f"{labels} instead of {expected.labels}"
    if not np.allclose(shares, expected.probabilities, rtol=0, atol=TOLERANCE):
        return f"{shares} instead of {expected.probabilities}"
    return ""


def _predict(
    session: Session, name: str, content: bytes, truth: Mapping[bytes, Expected], visits: Visits
) -> None:
    session.received.clear()
    session.served.clear()
    began = time.monotonic()
    upload = session.upload(name, content)
    session.open("predict", widgets=(upload,))
    visits.seconds.append(time.monotonic() - began)
    if difference := differs(session, truth[content]):
        visits.wrong.append(f"{name}: {difference}")
    session.remove_upload(upload)
