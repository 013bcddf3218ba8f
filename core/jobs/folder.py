"""The files by which a job, its supervisor and the pages speak: status, events, cancel, log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from core import files
from core.training.events import EventLog

Kind = Literal["intake", "prepare", "measure", "compare", "adopt", "train"]

STATUS = "status.json"
ORDER = "order.json"
EVENTS = "events.jsonl"
CANCEL = "cancel"
LOG = "worker.log"
LOCK = "worker.lock"
PRIVATE = (STATUS, ORDER, CANCEL, LOCK)
"""Files of the job and not of its result."""


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self not in (State.QUEUED, State.RUNNING)


class Status(BaseModel):
    """A job's state with its times (seconds since 1970) and, if it ended badly, why."""

    model_config = ConfigDict(frozen=True)

    state: State
    kind: Kind
    sentence: str = ""
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long it has run, or ran."""
        if self.started_at is None:
            return None
        # Clocks are set back now and then.
        return max(0.0, (self.ended_at or time.time()) - self.started_at)


class Order(BaseModel):
    """What the worker is asked to do; `arguments` are plain values."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    arguments: dict[str, Any] = {}


class JobFolder:
    """One job's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = EventLog(path / EVENTS)

    @property
    def log_path(self) -> Path:
        """What the worker printed."""
        return self.path / LOG

    @property
    def exists(self) -> bool:
        """Whether a job was ever ordered here."""
        return (self.path / STATUS).is_file()

    def order(self) -> Order:
        """What was asked for."""
        return Order.model_validate_json((self.path / ORDER).read_bytes())

    def open(self, order: Order) -> None:
        """Make the folder and put the job in it, queued. An earlier job's traces go."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (CANCEL, EVENTS, LOG):
            (self.path / name).unlink(missing_ok=True)
        files.write_text(self.path / ORDER, order.model_dump_json(indent=1))
        self.write(Status(state=State.QUEUED, kind=order.kind, queued_at=time.time()))

    def reopen(self) -> None:
        """Queue the job once more, as it was ordered; what was printed stays."""
        (self.path / EVENTS).unlink(missing_ok=True)
        queued_at = self.recorded().queued_at
        self.write(Status(state=State.QUEUED, kind=self.order().kind, queued_at=queued_at))

    def write(self, status: Status) -> None:
        """Replace the status."""
        files.write_text(self.path / STATUS, status.model_dump_json(indent=1))

    def recorded(self) -> Status:
        """The status as it was last written.

        Raises:
            FileNotFoundError: there is no job here.
        """
        try:
            return Status.model_validate_json((self.path / STATUS).read_bytes())
        except ValidationError:
            return Status(
                state=State.FAILED, kind="train", queued_at=0, sentence="Its status cannot be read."
            )

    def begin(self) -> None:
        """Record that the work has started."""
        self.write(
            self.recorded().model_copy(
                update={"state": State.RUNNING, "started_at": time.time(), "ended_at": None}
            )
        )

    def end(self, state: State, sentence: str = "", *, at: float | None = None) -> Status:
        """Record how it ended, and when if not now. Returns what was recorded."""
        status = self.ended(state, sentence, at=at)
        self.write(status)
        return status

    def ended(self, state: State, sentence: str = "", *, at: float | None = None) -> Status:
        """The status with which it would be recorded so."""
        ended = {"state": state, "sentence": sentence, "ended_at": at or time.time()}
        return self.recorded().model_copy(update=ended)

    def request_cancel(self) -> None:
        """Ask that the job stops; where there is no folder any more there is nothing to stop."""
        with suppress(FileNotFoundError):
            (self.path / CANCEL).touch()

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked the job to stop."""
        return (self.path / CANCEL).exists()

    def lock(self) -> FileLock:
        """What a worker holds while it lives; the system frees it however the process ends."""
        return FileLock(self.path / LOCK)

    @contextmanager
    def unattended(self, *, within: float = 0.0) -> Iterator[bool]:
        """Whether no process is at work in here; if so, none begins during the block.

        Args:
            within: seconds to wait for others who look, which takes them no time, to be gone.
        """
        lock = self.lock()
        try:
            if not self.exists:
                raise FileNotFoundError  # to lock it would make the folder again
            lock.acquire(timeout=within)
        except (Timeout, FileNotFoundError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @property
    def worker_lives(self) -> bool:
        """Whether a process is at work in here."""
        if not (self.path / LOCK).exists():
            return False
        with self.unattended() as free:
            return not free

    @property
    def last_sign(self) -> float:
        """When the job was last heard of, in seconds since 1970."""
        times = []
        for name in (STATUS, EVENTS, LOG):
            with suppress(OSError):
                times.append((self.path / name).stat().st_mtime)
        return max(times, default=time.time())

    def clear(self) -> None:
        """Remove what a killed worker left half-written: files and folders with hidden names."""
        for path in sorted(self.path.rglob(".*")):
            files.remove(path)

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the worker printed."""
        try:
            text = self.log_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
