"""Load test: 50 visitors predict at once while a training runs, then 200 come and go.

    python -m benchmarks.load
    python -m benchmarks.load --sessions 50 --predictions 20 --remembered 5 --json

Visitors are connections that speak Streamlit's protocol with a public host in another process. Each
uploads 20 photographs that no other visitor has, one right after the other. The page must show the
same predictions as a serial run on the same bytes. Seconds run from the upload to the finished page
with its preview. The visitors use the same cores as the server and the training. The cores that
other processes used, the training included, are reported too, because they affect the times.

Memory is the resident memory of the web process. Streamlit keeps a session for two minutes after
its visitor has left; what remains in memory is measured after that time.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import crowd, jobs, pictures
from benchmarks.crowd import MEGABYTE, Visits
from benchmarks.report import Figure, argument_parser, show
from core import backbones, runs
from core import settings as host
from core.jobs import cancel, enqueue, scheduling
from core.jobs.folder import JobSpec, State
from core.model.classifier import Classifier
from core.settings import Settings
from core.training import config
from tests.browser.server import ROOT, Server, start

POLL_SECONDS = 0.2
REMEMBERED_SECONDS = 120
"""How long Streamlit keeps the session of a visitor who has left."""
MARGIN_SECONDS = 10


@contextmanager
def training(folder: Path, settings: Settings, preset: str) -> Iterator[list[bool]]:
    """Keep one training running in a home during the block.

    Args:
        folder: pictures, in one folder per class.

    Yields:
        Whether a training was running, at regular intervals.
    """
    imported = jobs.take_in(folder, folder.parent / "taken", settings)
    running: list[bool] = []
    stop = threading.Event()

    def start_run() -> runs.Run:
        run = runs.create(config.preset(preset), imported.dataset, runs.new_path(settings))
        order = JobSpec(kind="train", arguments={"pictures": str(imported.pictures)})
        enqueue(run.path, order, settings)
        return run

    def keep_running() -> None:
        run = start_run()
        while not stop.wait(POLL_SECONDS):
            state = scheduling.status(run.job, settings).state
            running.append(state is State.RUNNING)
            if state.ended:
                run = start_run()
        cancel(run.job, settings)
        while not scheduling.status(run.job, settings).state.ended:
            time.sleep(POLL_SECONDS)

    keeper = threading.Thread(target=keep_running)
    keeper.start()
    try:
        while not any(
            run.job.recorded().state is State.RUNNING for run in runs.list_runs(settings)
        ):
            time.sleep(POLL_SECONDS)
        running.clear()
        yield running
    finally:
        stop.set()
        keeper.join()


def remaining(server: Server, seconds: float) -> float:
    """Megabytes of the web process after Streamlit has dropped the sessions of past visitors.

    It drops them when another visitor leaves; the minimum of three measurements counts.
    """
    time.sleep(seconds)
    megabytes = []
    for _ in range(3):
        with crowd.Session(server.url) as session:
            session.open("predict")
        time.sleep(min(2.0, seconds))
        megabytes.append(server.memory() / MEGABYTE)
    return min(megabytes)


def figures(
    first: Visits,
    later: Visits,
    memory: dict[str, float],
    expected: int,
    share: float | None,
    visitors: int,
) -> dict[str, Figure]:
    """The measured values, with the required ones."""
    return {
        "answers": Figure(len(first.seconds), at_least=expected),
        "errors": Figure(len(first.errors) + len(later.errors), at_most=0),
        "answers that differ from a serial run": Figure(
            len(first.wrong) + len(later.wrong), at_most=0
        ),
        "seconds to an answer, median": Figure(median(first.seconds) if first.seconds else None),
        "seconds to an answer, 95th percentile": Figure(first.percentile(95), at_most=3.0),
        "seconds to an answer, slowest": Figure(max(first.seconds, default=None)),
        "answers per second": Figure(len(first.seconds) / first.took),
        "CPU milliseconds per answer, web process": Figure(
            1000 * first.served / max(1, len(first.seconds))
        ),
        "cores used by other processes": Figure(first.others / first.took),
        "share of the time with a running training": Figure(
            share, at_least=None if share is None else 0.9
        ),
        "web process after one visitor, MB": Figure(memory["one"]),
        "web process at peak, MB": Figure(memory["most"], at_most=600.0),
        "MB per connected visitor": Figure((memory["most"] - memory["one"]) / visitors),
        "web process after the visitors have left, MB": Figure(memory["before"]),
        "web process after 200 more visits, MB": Figure(memory["after"]),
        "growth over those visits, MB": Figure(memory["after"] - memory["before"], at_most=50.0),
        "growth since the first visitor, MB": Figure(memory["after"] - memory["one"]),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the load test and print the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--predictions", type=int, default=20)
    parser.add_argument("--visits", type=int, default=200, help="short visits afterwards")
    parser.add_argument(
        "--remembered",
        type=int,
        default=REMEMBERED_SECONDS,
        metavar="SECONDS",
        help="how long sessions are kept",
    )
    parser.add_argument("--preset", default="balanced", help="of the training, or none")
    parser.add_argument("--pictures", type=int, default=2_000, help="of the training")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        photos = pictures.photographs(folder / "photos", options.sessions * options.predictions)
        contents = [path.read_bytes() for path in photos]
        shares = [contents[number :: options.sessions] for number in range(options.sessions)]
        home = folder / "home"
        settings = host.load().model_copy(update={"home": home, "mode": "public"})
        truth = crowd.serial_predictions(
            Classifier.of_backbone(backbones.get(backbones.DEFAULT), settings), contents
        )
        variables: dict[str, Any] = {
            "TUSKER_MODE": "public",
            "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(options.remembered),
        }
        with start(home, app=ROOT / "server.py", **variables) as server:
            memory = {}
            crowd.visit_in_turn(server, 1, contents, truth)
            memory["one"] = server.memory() / MEGABYTE
            with crowd.record_memory(server) as megabytes:
                if options.preset == "none":
                    first, share = crowd.predict_at_once(server, shares, truth), None
                else:
                    pictures.tree(folder / "drawn", options.pictures)
                    with training(folder / "drawn", settings, options.preset) as running:
                        first = crowd.predict_at_once(server, shares, truth)
                    share = sum(running) / len(running) if running else None
            memory["most"] = max(megabytes)
            memory["before"] = remaining(server, options.remembered + MARGIN_SECONDS)
            later = crowd.visit_in_turn(server, options.visits, contents, truth)
            memory["after"] = remaining(server, options.remembered + MARGIN_SECONDS)
    shown = figures(first, later, memory, len(contents), share, options.sessions)
    notes = [*first.errors, *first.wrong, *later.errors, *later.wrong][:5]
    return show(shown, as_json=options.json, notes=notes)


if __name__ == "__main__":
    sys.exit(main())
