"""Queue a job, get its status, and cancel it: the functions that pages and commands call.

There is one queue per kind of job. `enqueue` starts a dispatcher process; the one that gets the
queue's lock runs the jobs, the others exit (see `core.jobs.dispatcher`).
"""

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

from core.errors import LimitExceeded
from core.jobs import quotas, workers
from core.jobs.folder import JobFolder, JobSpec, Kind, State, Status
from core.jobs.queue import Queue
from core.settings import Settings
from core.system import log, visitors

DISPATCHERS = {"local": "core.jobs.dispatcher", "ray": "core.distributed.dispatch"}
"""The module of the dispatcher process, per value of `TUSKER_RUNNER`."""
PATIENCE_SECONDS = 5.0
"""How long a job may wait without a dispatcher before `status` starts one."""
START_SECONDS = 2.0
"""How long a dispatcher may take to start before `status` starts another one."""
_started: dict[Path, float] = {}
"""When `status` last started a dispatcher for a queue, by the queue's folder."""


def enqueue(folder: Path, spec: JobSpec, settings: Settings, *, by: str = "") -> JobFolder:
    """Put a job in its queue and make sure that a dispatcher runs.

    A job that is already queued or running in this folder is left as it is.

    Args:
        by: id of the visitor, who becomes the owner of a folder that has none.

    Raises:
        LimitExceeded: the queue is full, or this visitor has too many jobs in the queues.
    """
    job = JobFolder(folder)
    if at_work(job, settings):
        return job
    queue = Queue(spec.kind, settings)
    waiting = sum(queued.state is State.QUEUED for _, queued in queue.jobs())
    if waiting >= settings.queue_length:
        raise LimitExceeded(
            f"The queue is full: {waiting} of {settings.queue_length} places are taken. "
            f"Try again in a few minutes; the host can raise {settings.variable('queue_length')}."
        )
    quotas.check_queue(by, settings)
    folder.mkdir(parents=True, exist_ok=True)
    # The owner comes first, so that no folder is left without one. A run or a model keeps its
    # owner; that of a backbone is the visitor who had it prepared last.
    if spec.kind == "prepare" or not visitors.owner(folder):
        visitors.set_owner(folder, by)
    job.open(spec)
    queue.add(folder)
    log.event("job queued", kind=spec.kind, job=log.short_id(folder.name), waiting=waiting)
    start_dispatcher(queue, settings)
    return job


def status(folder: JobFolder, settings: Settings) -> Status:
    """The job's current status; `interrupted` if it was running and no process works on it.

    A job in a queue without a dispatcher gets one.
    """
    recorded = folder.recorded()
    queue = Queue(recorded.kind, settings)
    if recorded.state is State.RUNNING:
        alive, ticket = folder.worker_alive, queue.ticket_of(folder)
        unattended = ticket is not None and not queue.held
        on_cluster, beside = settings.runner != "local", ticket in queue.tickets_beside()
        # A cluster looks after jobs in the queue, not after those that gave way on this machine.
        if not alive and (ticket is None or (unattended and (beside or not on_cluster))):
            return _interrupt(folder, ticket, settings)
        if unattended and not (beside and on_cluster):
            _start_missing(queue, settings)
        return folder.recorded()  # the dispatcher records how the job ended
    # A negative wait: the clock was set back.
    waited = time.time() - recorded.queued_at
    if recorded.state is State.QUEUED and not 0 <= waited <= PATIENCE_SECONDS:
        if queue.ticket_of(folder) is None:
            return workers.interrupt(folder, settings)
        if not queue.held:
            _start_missing(queue, settings)
    return recorded


def at_work(folder: JobFolder, settings: Settings) -> bool:
    """Whether a job is queued or running; False if there never was one."""
    return folder.exists and not status(folder, settings).state.ended


def cancel(folder: JobFolder, settings: Settings) -> None:
    """Stop a job: at once if it is queued, within seconds if it is running."""
    if not folder.exists or folder.recorded().state.ended:
        return
    folder.request_cancel()
    with folder.try_lock() as locked:
        # A worker that has started sees the request; one that is about to start sees the status.
        if locked and folder.recorded().state is State.QUEUED:
            ticket = Queue(folder.recorded().kind, settings).ticket_of(folder)
            folder.end(State.CANCELLED, "Cancelled before it began.")
            if ticket is not None:
                ticket.unlink(missing_ok=True)


def position(folder: JobFolder, settings: Settings) -> int:
    """How many jobs are ahead of this one in its queue."""
    queue = Queue(folder.recorded().kind, settings)
    ticket = queue.ticket_of(folder)
    return sum(queued.name < ticket.name for queued in queue.tickets()) if ticket else 0


def recover(settings: Settings) -> None:
    """Continue the queues after a restart of the host."""
    for kind in get_args(Kind):
        queue = Queue(kind, settings)
        if (queue.tickets() or queue.tickets_beside()) and not queue.held:
            start_dispatcher(queue, settings)


def start_dispatcher(queue: Queue, settings: Settings) -> None:
    """Start a dispatcher process, which exits at once if the queue already has one."""
    with queue.log_path.open("ab") as log_file:
        subprocess.Popen(
            [sys.executable, "-m", DISPATCHERS[settings.runner], queue.kind],
            cwd=workers.ROOT,
            env=workers.dispatcher_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _start_missing(queue: Queue, settings: Settings) -> None:
    """Start a dispatcher, unless this process has just started one: pages ask twice a second."""
    now = time.monotonic()
    if now - _started.get(queue.path, -math.inf) >= START_SECONDS:
        _started[queue.path] = now
        start_dispatcher(queue, settings)


def _interrupt(folder: JobFolder, ticket: Path | None, settings: Settings) -> Status:
    # The ticket was looked up before: a new one may belong to a job that was resumed meanwhile.
    status = workers.interrupt(folder, settings)
    if ticket is not None and status.state.ended:
        Queue(status.kind, settings).withdraw(ticket)
    return status
