"""The queue of one kind of job: a ticket file a job, worked off by whoever holds the lock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.jobs.folder import JobFolder, Kind
from core.settings import Settings
from core.system import files

SEAT_SECONDS = 0.2
"""How often somebody looks who waits for others to be done."""


class Queue:
    """One kind's queue on this machine."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self.kind = kind
        self.path = settings.home.resolve() / "queue" / kind
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def log_path(self) -> Path:
        """Where a dispatcher says what went wrong with itself."""
        return self.path.with_suffix(".log")

    def lock(self) -> FileLock:
        """What a dispatcher holds while it lives."""
        return FileLock(self.path.with_suffix(".lock"))

    @property
    def held(self) -> bool:
        """Whether a dispatcher is at work."""
        try:
            with self.lock().acquire(timeout=0):
                return False
        except Timeout:
            return True

    def add(self, folder: Path) -> None:
        """Put a job at the end."""
        # At once: a dispatcher may be looking, and must not meet half a path.
        last = max((_number(ticket) for ticket in self.tickets()), default=0)
        # Behind the others even if the clock was set back.
        name = f"{max(time.time_ns(), last + 1):020d}-{folder.name}"
        files.write_text(self.path / name, str(folder.resolve()))

    def tickets(self) -> list[Path]:
        """All tickets, the oldest first. The first may be that of a job at work."""
        return sorted(path for path in self.path.iterdir() if not path.name.startswith("."))

    def ticket_of(self, folder: JobFolder) -> Path | None:
        """A job's ticket, if it has one."""
        wanted = folder.path.name
        return next((t for t in self.tickets() if t.name.partition("-")[2] == wanted), None)


def _number(ticket: Path) -> int:
    digits = ticket.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


@contextmanager
def slot(settings: Settings) -> Iterator[None]:
    """Wait until fewer jobs are at work than this host allows, and count as one of them."""
    home = settings.home.resolve() / "queue"
    locks = [FileLock(home / f"seat-{place}.lock") for place in range(settings.jobs_at_once)]
    while True:
        free = next(filter(_taken, locks), None)
        if free is not None:
            break
        time.sleep(SEAT_SECONDS)
    try:
        yield
    finally:
        free.release()


def _taken(lock: FileLock) -> bool:
    """Whether a lock that was free is now held by this process."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def jobs_of(kind: Kind, settings: Settings) -> Iterator[JobFolder]:
    """The jobs in the queue of a kind, with the one at work."""
    for ticket in Queue(kind, settings).tickets():
        job = job_of(ticket)
        if job is not None:
            yield job


def job_of(ticket: Path) -> JobFolder | None:
    """The job that a ticket stands for; None if somebody has withdrawn it."""
    try:
        return JobFolder(Path(ticket.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
