"""Kill the web process while it queues a training, and while a training runs."""

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks import jobs
from benchmarks.fault_points import INJECTED
from benchmarks.fault_trials import RECOVERY_SECONDS, Fault, Outcome, Point, planned, until
from core import runs
from core import settings as host
from core.intake.uploads import Upload
from core.jobs import State, cancel
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.runs import resuming
from core.runs.run import Run
from core.settings import Settings
from tests import shapes
from tests.browser import server
from tests.sessions.client import Session

RUN = "home/runs//"
QUEUEING: tuple[Point, ...] = tuple(
    ("rename", name, 1, moment)
    for name in (
        f"{RUN}{file}.json" for file in ("dataset", "config", "findings", "order", "status")
    )
    for moment in ("before", "after")
)
RUNNING = 4
"""Trainings during which the web process is killed, half of them with its child processes."""


def outcomes(root: Path) -> Iterator[Outcome]:
    """The outcome for each point, in separate homes."""
    for number, point in enumerate(QUEUEING):
        yield _inject(root / f"queueing{number}", Fault("kill", point))
    for number in range(RUNNING):
        how = "stop" if number % 2 else "kill"
        fault = Fault(how, ("event", "the training", 1 + 3 * number, "after"))
        yield _inject(root / f"work{number}", fault)


def _inject(root: Path, fault: Fault) -> Outcome:
    root.mkdir(parents=True)
    settings = host.load().model_copy(update={"home": root / "home", "mode": "personal"})
    upload = _uploaded(root, settings)
    queueing = fault.point[0] == "rename"
    plan: dict[str, object] = (
        {"how": fault.how, "point": list(fault.point)} if queueing else {"how": "watch"}
    )
    with (
        planned(root, "streamlit", plan) as folder,
        server.start(settings.home, PYTHONPATH=str(folder)) as first,
        suppress(Exception),  # the connection breaks with the server
    ):
        _press(first.url, f"upload={upload.id}")
        if not queueing:
            _kill_during_training(first.process, settings, fault)
    reached = (folder / INJECTED).exists() or not queueing
    with server.start(settings.home) as second:
        began = time.monotonic()
        with Session(second.url) as session:
            session.open("reports")
        until(lambda: all(_settled(run, settings) for run in runs.list_runs(settings)))
        seconds = time.monotonic() - began
        troubles = [why for run in runs.list_runs(settings) for why in _check(run, settings)]
        if seconds > RECOVERY_SECONDS:
            troubles.append(f"recovery took {seconds:.1f} s")
        states = {runs.summarise(run, settings).state.value for run in runs.list_runs(settings)}
        for run in runs.list_runs(settings):
            cancel(run.job, settings)
        until(lambda: not Queue("train", settings).held)
    return Outcome(fault, reached, ", ".join(states) or "no run", seconds, tuple(troubles))


def _uploaded(root: Path, settings: Settings) -> Upload:
    """The uploaded pictures of a visitor."""
    upload = Upload(settings.home / "uploads" / secrets.token_hex(16))
    jobs.take_in(shapes.shapes_zip(root, classes=3, per_class=14), upload.path, settings)
    upload.job.open(JobSpec(kind="intake"))
    upload.job.end(State.FINISHED)
    return upload


def _press(url: str, query: str) -> None:
    """Start a training on the page."""
    with Session(url) as session:
        session.open("train", query)
        labels = {e.button.label: e.button.id for e in session.elements if e.HasField("button")}
        press = WidgetState(id=labels["Start training"], trigger_value=True)
        session.open("train", query, widgets=(press,))


def _kill_during_training(web: psutil.Process, settings: Settings, fault: Fault) -> None:
    """Kill the web process after some events of a training; with `stop` its children too."""
    (run,) = runs.list_runs(settings)
    until(lambda: len(run.events()) >= fault.point[2])
    family = web.children(recursive=True) if fault.how == "stop" else []
    for process in (web, *family):
        with suppress(psutil.NoSuchProcess):
            process.kill()
            process.wait()  # otherwise the next server would find its children


def _settled(run: Run, settings: Settings) -> bool:
    """Whether a run has ended, or a process works on it."""
    status = run.status(settings)
    return status.state.ended or run.job.worker_alive or Queue("train", settings).held


def _check(run: Run, settings: Settings) -> Iterator[str]:
    line = runs.summarise(run, settings)
    if line.damaged:
        yield "a run is listed as damaged"
    active = line.state in (State.QUEUED, State.RUNNING)
    queued = run.job.exists
    if not (line.complete or active) and queued and not resuming.resumable(run, settings):
        yield f"a run is {line.state} and cannot be resumed"
