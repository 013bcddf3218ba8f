"""Run jobs in processes of their own on this machine: one queue and one worker at a time a kind.

Whoever enqueues starts a dispatcher; the one that gets the lane's lock drains the queue and the
others leave. The dispatcher outlives a crashed worker and says how it ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

from filelock import FileLock, Timeout

from core.errors import LimitExceeded
from core.jobs.folder import JobFolder, Kind, Order, State, Status
from core.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0
"""How long a worker may take to stop by itself after a cancel."""
PASSED_ON = {
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "SYSTEMROOT",
    "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY",
}  # fmt: skip
"""Variables a worker gets besides `TUSKER_*`: no secret of the host is among them."""


def enqueue(folder: Path, order: Order, settings: Settings) -> JobFolder:
    """Put a job in its queue and see to it that somebody works.

    Raises:
        LimitExceeded: too many jobs of this kind wait already.
    """
    lane = _lane(order.kind, settings)
    waiting = len(_tickets(lane))
    if waiting >= settings.queue_length:
        raise LimitExceeded(
            f"{waiting} jobs are waiting, and this host takes {settings.queue_length}. "
            f"Try again in a few minutes; the host can raise {settings.variable('queue_length')}."
        )
    job = JobFolder(folder)
    job.open(order)
    ticket = lane / f"{time.time_ns():020d}-{folder.name}"
    ticket.write_text(str(folder.resolve()), encoding="utf-8")
    _start_dispatcher(order.kind, settings)
    return job


def status(folder: JobFolder, settings: Settings) -> Status:
    """The job's status, with `interrupted` where a running job has nobody left to run it."""
    recorded = folder.recorded()
    if recorded.state is not State.RUNNING or folder.worker_lives:
        return recorded
    lane = _lane(recorded.kind, settings)
    if _ticket_of(folder, lane) is not None and _held(lane):
        return recorded  # the dispatcher is about to say how it ended
    recorded = folder.recorded()  # it may have been said since
    if recorded.state is State.RUNNING:
        folder.end(State.INTERRUPTED, "It was interrupted: the machine or the worker stopped.")
        recorded = folder.recorded()
    return recorded


def cancel(folder: JobFolder, settings: Settings) -> None:
    """Stop a job: at once if it waits, within seconds if it runs."""
    folder.request_cancel()
    recorded = folder.recorded()
    if recorded.state is State.QUEUED:
        folder.end(State.CANCELLED, "It was cancelled before it began.")
        ticket = _ticket_of(folder, _lane(recorded.kind, settings))
        if ticket is not None:
            ticket.unlink(missing_ok=True)


def position(folder: JobFolder, settings: Settings) -> int:
    """How many jobs are ahead of this one in its queue."""
    lane = _lane(folder.recorded().kind, settings)
    ticket = _ticket_of(folder, lane)
    return sum(other.name < ticket.name for other in _tickets(lane)) if ticket else 0


def recover(settings: Settings) -> None:
    """After a restart of the host: let the queues go on where they stood."""
    for kind in get_args(Kind):
        lane = _lane(kind, settings)
        if _tickets(lane) and not _held(lane):
            _start_dispatcher(kind, settings)


def dispatch(kind: Kind, settings: Settings) -> None:
    """Work off the queue of a kind until it is empty; leave at once if somebody else does."""
    lane = _lane(kind, settings)
    try:
        with _lock(lane).acquire(timeout=1.0):
            while tickets := _tickets(lane):
                _work_off(tickets[0], settings)
    except Timeout:
        return


def _work_off(ticket: Path, settings: Settings) -> None:
    folder = JobFolder(Path(ticket.read_text(encoding="utf-8")))
    try:
        if not folder.exists:
            return
        while (
            folder.worker_lives
        ):  # an earlier dispatcher died and left its worker at work; it sees a cancel by itself
            time.sleep(POLL_SECONDS)
        recorded = folder.recorded()
        if recorded.state is State.RUNNING:
            folder.end(State.INTERRUPTED, "It was interrupted: the machine or the worker stopped.")
        elif recorded.state is State.QUEUED and not folder.cancel_requested:
            _run(folder, settings)
        elif recorded.state is State.QUEUED:
            folder.end(State.CANCELLED, "It was cancelled before it began.")
    finally:
        ticket.unlink(missing_ok=True)


def _run(folder: JobFolder, settings: Settings) -> None:
    with folder.log_path.open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "core.jobs.worker", str(folder.path)],
            cwd=ROOT,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + settings.job_minutes * 60
    overdue = False
    while worker.poll() is None:
        overdue = overdue or time.monotonic() > deadline
        if overdue or folder.cancel_requested:
            _stop(worker)
            break
        time.sleep(POLL_SECONDS)
    _say_how_it_ended(folder, worker.returncode, overdue, settings)


def _say_how_it_ended(folder: JobFolder, code: int, overdue: bool, settings: Settings) -> None:
    if folder.recorded().state.ended and not overdue:
        return
    if overdue:
        folder.end(
            State.FAILED,
            f"It took longer than the {settings.job_minutes} minutes that this host allows. "
            f"The host can raise {settings.variable('job_minutes')}.",
        )
    elif folder.cancel_requested:
        folder.end(State.CANCELLED, "It was cancelled.")
    elif code == -9:
        folder.end(
            State.FAILED,
            "The worker was killed, most likely because memory ran out. "
            "Try a smaller batch, fewer views or a smaller backbone.",
        )
    else:
        folder.end(State.FAILED, f"The worker ended with code {code} before it was done.")


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def environment(settings: Settings) -> dict[str, str]:
    """What a worker may know of the host's environment."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PREFIX)
    }
    return kept | {
        **{settings.variable(field): str(value) for field, value in settings},
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }


def _start_dispatcher(kind: Kind, settings: Settings) -> None:
    subprocess.Popen(
        [sys.executable, "-m", "core.jobs.dispatch", kind],
        cwd=ROOT,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _lane(kind: Kind, settings: Settings) -> Path:
    lane = settings.home.resolve() / "queue" / kind
    lane.mkdir(parents=True, exist_ok=True)
    return lane


def _lock(lane: Path) -> FileLock:
    return FileLock(lane.with_suffix(".lock"))


def _held(lane: Path) -> bool:
    try:
        with _lock(lane).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _tickets(lane: Path) -> list[Path]:
    return sorted(path for path in lane.iterdir() if path.is_file())


def _ticket_of(folder: JobFolder, lane: Path) -> Path | None:
    return next((t for t in _tickets(lane) if t.name.endswith(f"-{folder.path.name}")), None)
