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

from core.jobs.events import EventLog
from core.system import files

Kind = Literal["intake", "prepare", "measure", "compare", "adopt", "train"]

STATUS = "status.json"
ORDER = "order.json"
EVENTS = "events.jsonl"
CANCEL = "cancel"
LOG = "worker.log"
LOCK = "worker.lock"
CHECKPOINT = "checkpoint.npz"
PRIVATE = (STATUS, ORDER, CANCEL, LOCK, CHECKPOINT)
"""Files of the job and not of its result."""


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @classmethod
    def _missing_(cls, value: object) -> State | None:
        """Statuses written before version 1.0 say `done`."""
        return cls.FINISHED if value == "done" else None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self not in (State.QUEUED, State.RUNNING)


class Status(BaseModel):
    """A job's state with its times (seconds since 1970) and why it ended badly, or still waits."""

    model_config = ConfigDict(frozen=True)

    state: State
    kind: Kind
    sentence: str = ""
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    spent: float = 0.0
    """Seconds of work before these, which broke off."""

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
    def checkpoint(self) -> Path:
        """What it goes on from once it was interrupted; it may not be there."""
        return self.path / CHECKPOINT

    @property
    def spent(self) -> float:
        """Seconds of earlier work on it, which broke off; none where it was never ordered."""
        return self.recorded().spent if self.exists else 0.0

    @property
    def exists(self) -> bool:
        """Whether a job was ever ordered here."""
        return (self.path / STATUS).is_file()

    def order(self) -> Order:
        """What was asked for."""
        return Order.model_validate_json((self.path / ORDER).read_bytes())

    def open(self, order: Order) -> None:
        """Make the folder and put the job in it, queued. An earlier job's traces go.

        Of the same order that broke off stays what it can go on from, and how long it took.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        spent = self._so_far() if self._broke_off(order) else 0.0
        for name in (CANCEL, EVENTS, LOG):
            (self.path / name).unlink(missing_ok=True)
        files.write_text(self.path / ORDER, order.model_dump_json(indent=1))
        queued = Status(state=State.QUEUED, kind=order.kind, queued_at=time.time(), spent=spent)
        self.write(queued)

    def reopen(self) -> None:
        """Queue the job once more, as it was ordered; what was printed stays."""
        spent = self._so_far()
        (self.path / EVENTS).unlink(missing_ok=True)
        kind, queued_at = self.order().kind, self.recorded().queued_at
        self.write(Status(state=State.QUEUED, kind=kind, queued_at=queued_at, spent=spent))

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
        started = {"started_at": time.time(), "ended_at": None, "sentence": ""}
        self.write(self.recorded().model_copy(update={"state": State.RUNNING} | started))

    def set_waiting_reason(self, sentence: str) -> None:
        """Put into its status what it waits for, unless somebody has begun meanwhile."""
        if self.recorded().sentence == sentence:
            return  # to lock it would be in the way of others
        with self.unattended() as free:
            if free and (queued := self.recorded()).state is State.QUEUED:
                self.write(queued.model_copy(update={"sentence": sentence}))

    def end(self, state: State, sentence: str = "", *, at: float | None = None) -> Status:
        """Record how it ended, and when if not now. Returns what was recorded.

        What it could go on from is kept of one that was interrupted; no other is offered to.
        """
        status = self.ended(state, sentence, at=at)
        self.write(status)
        if state is not State.INTERRUPTED:
            files.remove(self.checkpoint)
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

    def _broke_off(self, order: Order) -> bool:
        """Whether this very order stands here and was not done."""
        try:
            return self.recorded().state is not State.FINISHED and self.order() == order
        except (OSError, ValueError):
            return False

    def _so_far(self) -> float:
        """Seconds of work on it in all, where it is to begin once more."""
        last = self.recorded()
        if last.ended_at is None:
            last = last.model_copy(update={"ended_at": self.last_sign})
        return last.spent + (last.seconds or 0.0)

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the worker printed."""
        try:
            text = self.log_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])
