"""The dispatcher of one queue, a process: `python -m core.jobs.dispatcher KIND`.

A dispatcher holds the lock of its queue and runs the jobs one after the other. If the dispatcher is
killed, its workers continue, and the next dispatcher supervises them.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from filelock import Timeout

from core import settings as settings_module
from core.jobs import workers
from core.jobs.folder import JobFolder, Kind, State
from core.jobs.queue import Queue, job_of, slot
from core.settings import MEGABYTE, Settings
from core.system import capacity, log

logger = logging.getLogger(__name__)

Drain = Callable[[Queue, Settings], None]
LOCK_SECONDS = 1.0
BYTES_BESIDE_OTHERS = 4_000 * MEGABYTE
"""Free memory that a job needs to start beside the last steps of others."""
CROWDED = "Waiting for memory, until the last training has finished its remaining steps."
NO_SLOT = "Waiting until another job on this host has ended."


def drain(queue: Queue, settings: Settings) -> None:
    """Run the jobs of a queue on this machine, one at a time, the oldest first.

    An export that is stopped for a training keeps its ticket, and runs again afterwards. A training
    gives up its place once it has its report: the next one runs beside its last steps, if there is
    memory for both.
    """
    beside: dict[str, threading.Thread] = {}
    while True:
        beside = {name: job for name, job in beside.items() if job.is_alive()}
        for ticket in queue.tickets_beside():
            if ticket.name not in beside:  # of a dispatcher that was killed
                beside[ticket.name] = job = _thread(ticket, queue, settings)
                job.start()
        tickets = queue.tickets()
        if not tickets and not beside:
            return
        crowded = tickets and beside and capacity.free_memory() < BYTES_BESIDE_OTHERS
        kept_waiting = crowded and _is_kept_waiting(tickets[0], CROWDED)
        if not tickets or kept_waiting or workers.must_wait(queue.kind, settings):
            time.sleep(workers.POLL_SECONDS)
            continue
        job = _thread(tickets[0], queue, settings)
        with slot(settings, partial(_is_kept_waiting, tickets[0], NO_SLOT)):
            job.start()
            while job.is_alive() and tickets[0].exists():
                job.join(workers.POLL_SECONDS)
        job.join(workers.POLL_SECONDS)  # most jobs end with their ticket
        beside[tickets[0].name] = job


def dispatch(kind: Kind, settings: Settings, drain: Drain = drain) -> None:
    """Empty the queue of a kind; return at once if another dispatcher does.

    Args:
        drain: runs all jobs of a queue and returns when the queue is empty. It removes a job's
            ticket once the job's status says how it ended, and raises no job's failure.
    """
    queue = Queue(kind, settings)
    with suppress(Timeout), queue.lock().acquire(timeout=LOCK_SECONDS):
        drain(queue, settings)


def log_end(folder: JobFolder) -> None:
    """Write to the log how a job ended."""
    with suppress(FileNotFoundError):
        status = folder.recorded()
        log.event(
            "job ended",
            kind=status.kind,
            job=log.short_id(folder.path.name),
            state=status.state.value,
            seconds=round(status.seconds or 0.0, 1),
        )


def main(drain: Drain = drain) -> None:
    """Dispatch the queue that the command line names."""
    log.start()
    dispatch(sys.argv[1], settings_module.load(), drain)  # type: ignore[arg-type]  # a Kind


def _is_kept_waiting(ticket: Path, reason: str) -> bool:
    """Whether a job has not begun, and now says what it waits for.

    One that runs already, since the dispatcher before was killed, has to be supervised.
    """
    folder = job_of(ticket)
    with suppress(FileNotFoundError):  # it was discarded
        if folder is not None and folder.recorded().state is State.QUEUED:
            folder.set_waiting_reason(reason)
            return True
    return False


def _thread(ticket: Path, queue: Queue, settings: Settings) -> threading.Thread:
    return threading.Thread(target=_run_ticket, args=(ticket, queue, settings))


def _run_ticket(ticket: Path, queue: Queue, settings: Settings) -> None:
    """Run a job, or supervise its worker if it has one, and remove the ticket."""
    folder = job_of(ticket)
    if folder is None:
        return
    try:
        if not folder.exists:
            return
        workers.supervise(folder, settings)
        state = folder.recorded().state
        if state is State.RUNNING or (state is State.QUEUED and folder.cancel_requested):
            workers.interrupt(folder, settings)
        elif state is State.QUEUED and ticket.parent == queue.path:  # beside, it has a new ticket
            workers.run(folder, settings)
            workers.supervise(folder, settings)
    except Exception:
        # One job must not block those behind it.
        logger.exception("the job in %s could not be run", folder.path)
        with suppress(OSError):  # on a full disk the next reader finds the job interrupted
            folder.end(State.FAILED, "The worker could not be started. Try again in a few minutes.")
    finally:
        if not _is_preempted(folder):
            queue.withdraw(ticket)
            log_end(folder)


def _is_preempted(folder: JobFolder) -> bool:
    """Whether an export was stopped for a training and keeps its ticket.

    Any other job that is queued again was queued by somebody else, with another ticket.
    """
    with suppress(FileNotFoundError):
        recorded = folder.recorded()
        stopped = recorded.kind == "export" and recorded.state is State.QUEUED
        return stopped and not folder.cancel_requested
    return False


if __name__ == "__main__":
    main()
