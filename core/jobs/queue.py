"""The queue for one kind of job: one ticket file per job.

The dispatcher that holds the lock runs the oldest job.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

from filelock import FileLock, Timeout

from core.jobs.folder import JobFolder, Kind, Status
from core.settings import Settings
from core.system import files

SLOT_SECONDS = 0.2
"""How often a waiting dispatcher looks for a free slot."""


class Queue:
    """The queue of one kind of job on this machine."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self.kind = kind
        self.path = settings.home.resolve() / "queue" / kind
        self.path.mkdir(parents=True, exist_ok=True)
        self._beside = self.path.with_suffix(".beside")
        self.log_path = self.path.with_suffix(".log")
        """The output of the dispatcher."""

    def lock(self) -> FileLock:
        """The lock that a dispatcher holds while it lives."""
        return FileLock(self.path.with_suffix(".lock"))

    @property
    def held(self) -> bool:
        """Whether a dispatcher holds the lock."""
        with suppress(Timeout), self.lock().acquire(timeout=0):
            return False
        return True

    def add(self, folder: Path) -> None:
        """Put a job at the end of the queue."""
        last = max((_number(ticket) for ticket in self.tickets()), default=0)
        # At the end even if the clock was set back.
        name = f"{max(time.time_ns(), last + 1):020d}-{folder.name}"
        # Atomically: a dispatcher must not read half a path.
        files.write_text(self.path / name, str(folder.resolve()))

    def tickets(self) -> list[Path]:
        """The tickets in the queue, the oldest first, whose job may be running."""
        return sorted(path for path in self.path.iterdir() if not path.name.startswith("."))

    def tickets_beside(self) -> list[Path]:
        """The tickets of running jobs that gave up their place, the oldest first."""
        return sorted(self._beside.iterdir()) if self._beside.is_dir() else []

    def ticket_of(self, folder: JobFolder) -> Path | None:
        """The ticket of a job, in the queue or beside it; None if it has none."""
        tickets, wanted = [*self.tickets(), *self.tickets_beside()], folder.path.name
        return next((t for t in tickets if t.name.partition("-")[2] == wanted), None)

    def step_aside(self, ticket: Path) -> None:
        """Let a running job give up its place in the queue; its ticket is kept beside it."""
        self._beside.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # it was withdrawn
            ticket.rename(self._beside / ticket.name)

    def withdraw(self, ticket: Path) -> None:
        """Remove a ticket, wherever it is by now."""
        ticket.unlink(missing_ok=True)
        (self._beside / ticket.name).unlink(missing_ok=True)

    def jobs(self) -> Iterator[tuple[JobFolder, Status]]:
        """The jobs in the queue with their status, the running one included."""
        for ticket in self.tickets():
            job = job_of(ticket)
            with suppress(OSError):  # the job was deleted
                if job is not None:
                    yield job, job.recorded()


def job_of(ticket: Path) -> JobFolder | None:
    """The job that a ticket names; None if the ticket was withdrawn."""
    try:
        return JobFolder(Path(ticket.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


@contextmanager
def slot(settings: Settings, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Wait for one of the host's `jobs_at_once` slots and hold it during the block.

    Args:
        waiting: called whenever all slots were found taken.
    """
    home, count = settings.home.resolve() / "queue", settings.jobs_at_once
    for number in cycle(range(count)):
        lock = FileLock(home / f"slot-{number}.lock")
        with suppress(Timeout):
            lock.acquire(timeout=SLOT_SECONDS / count)
            break
        if number == count - 1:
            waiting()
    try:
        yield
    finally:
        lock.release()


def _number(ticket: Path) -> int:
    digits = ticket.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0
