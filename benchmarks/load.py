"""A crowd on two cores: 50 visitors ask at once while a training runs, then 200 come and go.

    python -m benchmarks.load
    python -m benchmarks.load --sessions 50 --predictions 20 --remembered 5 --json

Visitors are connections that speak Streamlit's own protocol with a public host in a process of its
own. Each uploads 20 photographs that nobody else has, the next as soon as the last is answered,
nobody waiting to think; what the page shows must be what the same bytes are answered serially.
Seconds run from the upload to the finished page with its preview. The visitors live on the same
cores as the server and the training, which a host's do not. What anything else took of the machine
meanwhile, the training with it, stands beside: on a machine at work, seconds say little.

Memory is resident megabytes of the web process. Streamlit keeps whoever has left for two minutes,
should they come back; only then is it seen what stays.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import crowd, jobs, pictures
from benchmarks.crowd import MEGABYTE, Held
from benchmarks.report import Figure, show
from core import backbones, runs
from core import settings as host
from core.jobs import cancel, enqueue, scheduling
from core.jobs.folder import Order, State
from core.model.classifier import Classifier
from core.settings import Settings
from core.training import config
from tests.browser.server import ROOT, Server, start

POLL_SECONDS = 0.2
REMEMBERED_SECONDS = 120
"""How long Streamlit keeps whoever has left, should they come back."""
FORGOTTEN = 10
"""Seconds more until they are gone for sure."""


class AtWork:
    """How much of the time a training was at work."""

    def __init__(self) -> None:
        self._looks: list[bool] = []

    def __call__(self, working: bool) -> None:
        """Count one look."""
        self._looks.append(working)

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None where nobody looked."""
        return sum(self._looks) / len(self._looks) if self._looks else None


@contextmanager
def training(folder: Path, settings: Settings, preset: str) -> Iterator[AtWork]:
    """Keep one training at work in a home while the block runs, as its visitors order them.

    Args:
        folder: with the pictures, a folder a class.
    """
    taken = jobs.take_in(folder, folder.parent / "taken", settings)
    seen, over = AtWork(), threading.Event()

    def order() -> runs.Run:
        run = runs.create(config.preset(preset), taken.dataset, runs.new_path(settings))
        given = Order(kind="train", arguments={"pictures": str(taken.pictures)})
        enqueue(run.path, given, settings)
        return run

    def keep() -> None:
        run = order()
        while not over.wait(POLL_SECONDS):
            state = scheduling.status(run.job, settings).state
            seen(state is State.RUNNING)
            if state.ended:
                run = order()
        cancel(run.job, settings)
        while not scheduling.status(run.job, settings).state.ended:
            time.sleep(POLL_SECONDS)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        while not any(
            run.job.recorded().state is State.RUNNING for run in runs.list_runs(settings)
        ):
            time.sleep(POLL_SECONDS)
        seen._looks.clear()
        yield seen
    finally:
        over.set()
        keeper.join()


def left(server: Server, seconds: float) -> float:
    """Megabytes of the web process once Streamlit has forgotten whoever left.

    It forgets when somebody else leaves; the least of three looks is what stays.
    """
    time.sleep(seconds)
    seen = []
    for _ in range(3):
        with crowd.Session(server.url) as session:
            session.open("predict")
        time.sleep(min(2.0, seconds))
        seen.append(server.memory() / MEGABYTE)
    return min(seen)


def figures(
    held: Held, came: Held, memory: dict[str, float], asked: int, share: float | None, many: int
) -> dict[str, Figure]:
    """What is shown of it."""
    return {
        "answers": Figure(len(held.seconds), at_least=asked),
        "errors": Figure(len(held.errors) + len(came.errors), at_most=0),
        "answers that differ from the serial ones": Figure(
            len(held.wrong) + len(came.wrong), at_most=0
        ),
        "seconds to an answer, median": Figure(median(held.seconds) if held.seconds else None),
        "seconds to an answer, 95 of 100": Figure(held.percentile(95), at_most=3.0),
        "seconds to an answer, slowest": Figure(max(held.seconds, default=None)),
        "answers a second": Figure(len(held.seconds) / held.took),
        "milliseconds of a core an answer, web process": Figure(
            1000 * held.served / max(1, len(held.seconds))
        ),
        "cores that neither server nor visitors took": Figure(held.others / held.took),
        "share of the time with a training at work": Figure(
            share, at_least=None if share is None else 0.9
        ),
        "web process after one visitor, MB": Figure(memory["one"]),
        "web process at most, MB": Figure(memory["most"], at_most=600.0),
        "MB a visitor who is there": Figure((memory["most"] - memory["one"]) / many),
        "web process once the crowd is forgotten, MB": Figure(memory["before"]),
        "web process after those who came and went, MB": Figure(memory["after"]),
        "MB that those who came and went left": Figure(
            memory["after"] - memory["before"], at_most=50.0
        ),
        "MB that all of them left": Figure(memory["after"] - memory["one"]),
    }


def main(arguments: list[str] | None = None) -> int:
    """Let them all come, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--predictions", type=int, default=20)
    parser.add_argument("--visits", type=int, default=200, help="that come and go afterwards")
    parser.add_argument(
        "--remembered", type=int, default=REMEMBERED_SECONDS, metavar="SECONDS", help="who has left"
    )
    parser.add_argument("--preset", default="balanced", help="of the training; none: without one")
    parser.add_argument("--pictures", type=int, default=2_000, help="that it learns from")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        found = pictures.photographs(folder / "photos", asked.sessions * asked.predictions)
        contents = [path.read_bytes() for path in found]
        shares = [contents[number :: asked.sessions] for number in range(asked.sessions)]
        home = folder / "home"
        settings = host.load().model_copy(update={"home": home, "mode": "public"})
        truth = crowd.oracle(
            Classifier.of_backbone(backbones.get(backbones.DEFAULT), settings), contents
        )
        variables = {
            "TUSKER_MODE": "public",
            "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(asked.remembered),
        }
        with start(home, app=ROOT / "server.py", **variables) as server:
            memory = {}
            crowd.come_and_go(server, 1, contents, truth)
            memory["one"] = server.memory() / MEGABYTE
            with crowd.watched(server) as seen:
                if asked.preset == "none":
                    held, share = crowd.hold(server, shares, truth), None
                else:
                    pictures.tree(folder / "drawn", asked.pictures)
                    with training(folder / "drawn", settings, asked.preset) as at_work:
                        held = crowd.hold(server, shares, truth)
                    share = at_work.share
            memory["most"] = max(seen)
            memory["before"] = left(server, asked.remembered + FORGOTTEN)
            came = crowd.come_and_go(server, asked.visits, contents, truth)
            memory["after"] = left(server, asked.remembered + FORGOTTEN)
    shown = figures(held, came, memory, len(contents), share, asked.sessions)
    notes = [*held.errors, *held.wrong, *came.errors, *came.wrong][:5]
    return show(shown, as_json=asked.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
