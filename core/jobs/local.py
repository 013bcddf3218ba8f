"""The queues, one for each kind of job, and how they are worked off on this machine.

Whoever enqueues starts a dispatcher; the one that gets the lane's lock drains the queue and the
others leave. The dispatcher outlives a crashed worker and says how it ended. Should the dispatcher
itself be killed, its worker goes on, and the next dispatcher looks after it.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

from filelock import Timeout

from core.errors import LimitExceeded
from core.jobs import process, quotas
from core.jobs.folder import JobFolder, Kind, Order, State, Status
from core.jobs.queue import Queue, job_of, slot
from core.settings import Settings
from core.system import log, visitors

logger = logging.getLogger(__name__)

Drain = Callable[[Queue, Settings], None]

DISPATCHERS = {"local": "core.jobs.dispatch", "ray": "core.distributed.dispatch"}
"""The module that drains a queue in a process of its own, by `TUSKER_RUNNER`."""
PATIENCE_SECONDS = 5.0
"""How long a job may wait without a dispatcher before somebody who looks starts one."""


def enqueue(folder: Path, order: Order, settings: Settings, *, by: str = "") -> JobFolder:
    """Put a job in its queue and see to it that somebody works.

    A job that already waits or runs in this folder is left as it is.

    Args:
        by: mark of the visitor whose job it is, and whose folder where it is nobody's yet.

    Raises:
        LimitExceeded: too many jobs of this kind, or of this visitor, wait already.
    """
    job = JobFolder(folder)
    if job.exists and not status(job, settings).state.ended:
        return job
    lane = Queue(order.kind, settings)
    waiting = sum(_waits(ticket) for ticket in lane.tickets())
    if waiting >= settings.queue_length:
        raise LimitExceeded(
            f"The queue is full: {waiting} of {settings.queue_length} places are taken. "
            f"Try again in a few minutes; the host can raise {settings.variable('queue_length')}."
        )
    quotas.check_queue(by, get_args(Kind), settings)
    folder.mkdir(parents=True, exist_ok=True)
    # First, so that whoever is killed here leaves nothing that is nobody's. A run or a model keeps
    # its owner; a backbone is nobody's, and its mark says who had it prepared.
    if order.kind == "prepare" or not visitors.owner(folder):
        visitors.set_owner(folder, by)
    job.open(order)
    lane.add(folder)
    log.event("job queued", kind=order.kind, job=log.short_id(folder.name), waiting=waiting)
    _start_dispatcher(lane, settings)
    return job


def status(folder: JobFolder, settings: Settings) -> Status:
    """The job's status, with `interrupted` where a running job has nobody left to run it."""
    recorded = folder.recorded()
    lane = Queue(recorded.kind, settings)
    if recorded.state is State.RUNNING and not folder.worker_lives:
        if lane.ticket_of(folder) is not None and not lane.held and settings.runner == "ray":
            _start_dispatcher(lane, settings)  # its task went with the last one
        elif lane.ticket_of(folder) is None or not lane.held:
            return _interrupted(folder, lane, settings)
        return folder.recorded()  # the dispatcher says, or is about to say, how it ended
    if recorded.state is State.QUEUED and not 0 <= _since(recorded) <= PATIENCE_SECONDS:
        if lane.ticket_of(folder) is None:
            return process.interrupt(folder, settings)
        if not lane.held:
            _start_dispatcher(lane, settings)
    return recorded


def _interrupted(folder: JobFolder, lane: Queue, settings: Settings) -> Status:
    """Record that nobody works on a job any more, and take it out of its queue."""
    ticket = lane.ticket_of(folder)
    found = process.interrupt(folder, settings)
    if ticket is not None and found.state.ended:
        ticket.unlink(missing_ok=True)
    return found


def _since(queued: Status) -> float:
    """Seconds since a job was put in its queue; less than none where the clock was set back."""
    return time.time() - queued.queued_at


def cancel(folder: JobFolder, settings: Settings) -> None:
    """Stop a job: at once if it waits, within seconds if it runs, not at all if it has ended."""
    if not folder.exists or folder.recorded().state.ended:
        return
    folder.request_cancel()
    with folder.unattended() as free:
        # A worker that has begun sees the request; one that is about to begin sees the status.
        withdrawn = free and folder.recorded().state is State.QUEUED
        if withdrawn:
            folder.end(State.CANCELLED, "It was cancelled before it began.")
    ticket = Queue(folder.recorded().kind, settings).ticket_of(folder) if withdrawn else None
    if ticket is not None:
        ticket.unlink(missing_ok=True)


def position(folder: JobFolder, settings: Settings) -> int:
    """How many jobs are ahead of this one in its queue."""
    lane = Queue(folder.recorded().kind, settings)
    ticket = lane.ticket_of(folder)
    return sum(other.name < ticket.name for other in lane.tickets()) if ticket else 0


def recover(settings: Settings) -> None:
    """After a restart of the host: let the queues go on where they stood."""
    for kind in get_args(Kind):
        lane = Queue(kind, settings)
        if lane.tickets() and not lane.held:
            _start_dispatcher(lane, settings)


def drain(lane: Queue, settings: Settings) -> None:
    """Do the jobs of a queue on this machine, one after the other, the oldest first."""
    while tickets := lane.tickets():
        with slot(settings):
            _work_off(tickets[0], settings)


def dispatch(kind: Kind, settings: Settings, drain: Drain = drain) -> None:
    """Empty the queue of a kind; leave at once if another process does.

    Args:
        drain: does all jobs of a queue and returns when it is empty. A job's ticket goes when its
            status says how it ended, and no job's failure is raised.
    """
    lane = Queue(kind, settings)
    try:
        with lane.lock().acquire(timeout=1.0):
            drain(lane, settings)
    except Timeout:
        return


def _work_off(ticket: Path, settings: Settings) -> None:
    folder = job_of(ticket)
    if folder is None:
        return
    try:
        if not folder.exists:
            return
        process.supervise(folder, settings)
        state = folder.recorded().state
        if state is State.RUNNING or (state is State.QUEUED and folder.cancel_requested):
            process.interrupt(folder, settings)
        elif state is State.QUEUED:
            process.run(folder, settings)
            process.supervise(folder, settings)
    except Exception:
        # The jobs behind it must not wait because of one.
        logger.exception("the job in %s could not be worked off", folder.path)
        with suppress(OSError):  # a full disk; whoever looks finds it interrupted
            folder.end(State.FAILED, "The worker could not be started. Try again in a few minutes.")
    finally:
        ticket.unlink(missing_ok=True)
        note_end(folder)


def note_end(folder: JobFolder) -> None:
    """Have the journal say how a job ended."""
    with suppress(FileNotFoundError):
        said = folder.recorded()
        log.event(
            "job ended",
            kind=said.kind,
            job=log.short_id(folder.path.name),
            state=said.state.value,
            seconds=round(said.seconds or 0.0, 1),
        )


def _waits(ticket: Path) -> bool:
    folder = job_of(ticket)
    return folder is not None and folder.exists and folder.recorded().state is State.QUEUED


def _start_dispatcher(lane: Queue, settings: Settings) -> None:
    with lane.log_path.open("ab") as log_file:
        subprocess.Popen(
            [sys.executable, "-m", DISPATCHERS[settings.runner], lane.kind],
            cwd=process.ROOT,
            env=process.dispatcher_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
