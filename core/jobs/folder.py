"""A job's folder: the files through which pages, dispatcher and worker communicate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from core.jobs.events import EventLog
from core.system import files

Kind = Literal["intake", "prepare", "compare", "import", "train", "export"]
# Files written before version 1.0 call imports "adopt".
_StoredKind = Annotated[Kind, BeforeValidator(lambda kind: "import" if kind == "adopt" else kind)]

STATUS = "status.json"
SPEC = "order.json"
EVENTS = "events.jsonl"
CANCEL = "cancel"
LOG = "worker.log"
LOCK = "worker.lock"
CHECKPOINT = "checkpoint.npz"
SPARE = ".spare"
"""File that takes space while a job runs, so that its end can be recorded on a full disk."""
SPARE_BYTES = 64 * 1024
PRIVATE = (STATUS, SPEC, CANCEL, LOCK, CHECKPOINT, SPARE)
"""Files of the job that are no part of its result."""


class State(StrEnum):
    """The state of a job."""

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
        """Whether the job is neither queued nor running."""
        return self not in (State.QUEUED, State.RUNNING)


class Status(BaseModel, frozen=True, validate_by_name=True, serialize_by_alias=True):
    """The state of a job with its times.

    Attributes:
        sentence: why the job failed or was interrupted, or what it waits for.
        queued_at, started_at, ended_at: in seconds since 1970.
        gave_way_at: when the job gave up its place in the queue, likewise.
        earlier_seconds: of earlier attempts, which were interrupted.
    """

    state: State
    kind: _StoredKind
    sentence: str = ""
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    gave_way_at: float | None = None
    earlier_seconds: float = Field(0.0, alias="spent")

    @property
    def seconds(self) -> float | None:
        """How long this attempt has been running, or ran; None before it started."""
        return self._seconds_until(self.ended_at)

    @property
    def blocking_seconds(self) -> float | None:
        """How long this attempt has kept others waiting, or did; None before it started."""
        return self._seconds_until(self.gave_way_at or self.ended_at)

    def _seconds_until(self, moment: float | None) -> float | None:
        if self.started_at is None:
            return None
        # Negative where the clock was set back.
        return max(0.0, (moment or time.time()) - self.started_at)


class JobSpec(BaseModel, frozen=True):
    """The specification of a job: what the worker has to do; `arguments` are plain values."""

    kind: _StoredKind
    arguments: dict[str, Any] = {}


class JobFolder:
    """The folder of one job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = EventLog(path / EVENTS)
        self.log_path = path / LOG
        """The output of the worker."""
        self.checkpoint = path / CHECKPOINT
        """The file from which an interrupted job continues; it need not exist."""

    @property
    def earlier_seconds(self) -> float:
        """Seconds of earlier attempts, which were interrupted."""
        return self.recorded().earlier_seconds if self.exists else 0.0

    @property
    def exists(self) -> bool:
        """Whether a job was ever queued here."""
        return (self.path / STATUS).is_file()

    def spec(self) -> JobSpec:
        """The specification of the job."""
        return JobSpec.model_validate_json((self.path / SPEC).read_bytes())

    def open(self, spec: JobSpec) -> None:
        """Create the folder with a queued job. The files of an earlier job are removed.

        If the earlier job had the same specification and did not finish, its seconds are kept.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        earlier = self._total_seconds() if self._unfinished(spec) else 0.0
        for name in (CANCEL, EVENTS, LOG):
            (self.path / name).unlink(missing_ok=True)
        self.replace_spec(spec)
        self._queue(spec.kind, time.time(), earlier)

    def replace_spec(self, spec: JobSpec) -> None:
        """Replace the specification; a worker that reads it again sees the new one."""
        files.write_text(self.path / SPEC, spec.model_dump_json(indent=1))

    def reopen(self) -> None:
        """Queue an interrupted job again, in its old place; the worker's log is kept."""
        earlier = self._total_seconds()
        (self.path / EVENTS).unlink(missing_ok=True)
        self._queue(self.spec().kind, self.recorded().queued_at, earlier)

    def write(self, status: Status) -> None:
        """Replace the status."""
        files.write_text(self.path / STATUS, status.model_dump_json(indent=1))

    def recorded(self) -> Status:
        """The status as it was last written; `scheduling.status` also detects interruptions.

        Raises:
            FileNotFoundError: there is no job here.
        """
        try:
            return Status.model_validate_json((self.path / STATUS).read_bytes())
        except ValidationError:
            try:
                kind = self.spec().kind
            except (OSError, ValueError):
                kind = "train"
            return Status(
                state=State.FAILED, kind=kind, queued_at=0, sentence="Its status cannot be read."
            )

    def begin(self) -> None:
        """Record that the work has started."""
        started = {"started_at": time.time(), "ended_at": None, "sentence": ""}
        self.write(self.recorded().model_copy(update={"state": State.RUNNING} | started))
        with suppress(OSError):
            (self.path / SPARE).write_bytes(bytes(SPARE_BYTES))

    def give_way(self) -> None:
        """Record that a running job gives up its place in the queue."""
        self.write(self.recorded().model_copy(update={"gave_way_at": time.time()}))

    def set_waiting_reason(self, sentence: str) -> None:
        """Record what a queued job waits for."""
        if self.recorded().sentence == sentence:
            return  # without the lock, which others would have to wait for
        with self.try_lock() as locked:
            if locked and (queued := self.recorded()).state is State.QUEUED:
                self.write(queued.model_copy(update={"sentence": sentence}))

    def end(self, state: State, sentence: str = "", *, at: float | None = None) -> Status:
        """Record how the job ended, and remove the checkpoint unless it was interrupted.

        Args:
            at: seconds since 1970; now if None.
        """
        ended = {"state": state, "sentence": sentence, "ended_at": at or time.time()}
        status = self.recorded().model_copy(update=ended)
        files.remove(self.path / SPARE)
        self.write(status)
        if state is not State.INTERRUPTED:
            files.remove(self.checkpoint)
        return status

    def request_cancel(self) -> None:
        """Ask the job to stop; nothing happens if the folder was deleted."""
        with suppress(FileNotFoundError):
            try:
                (self.path / CANCEL).touch()
            except OSError:  # the disk is full
                (self.path / SPARE).unlink()
                (self.path / CANCEL).touch()

    @property
    def cancel_requested(self) -> bool:
        """Whether the job was asked to stop."""
        return (self.path / CANCEL).exists()

    def lock(self) -> FileLock:
        """The lock that a worker holds; the system releases it however the process ends."""
        return FileLock(self.path / LOCK)

    @contextmanager
    def try_lock(self, timeout: float = 0.0) -> Iterator[bool]:
        """Hold the worker's lock during the block, so that no worker starts.

        Args:
            timeout: seconds to wait for others, who hold the lock for a moment to look.

        Yields:
            Whether the lock was acquired: False if a worker is running, or there is no job.
        """
        lock = self.lock()
        with suppress(Timeout, FileNotFoundError):
            if self.exists:  # locking would recreate a deleted folder
                lock.acquire(timeout=timeout)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    @property
    def worker_alive(self) -> bool:
        """Whether a process is working on the job."""
        if not (self.path / LOCK).exists():
            return False
        with self.try_lock() as locked:
            return not locked

    @property
    def last_activity(self) -> float:
        """When one of the job's files was last written, in seconds since 1970."""
        times = []
        for name in (STATUS, EVENTS, LOG):
            with suppress(OSError):
                times.append((self.path / name).stat().st_mtime)
        return max(times, default=time.time())

    def clear(self) -> None:
        """Remove unfinished files of a killed worker: files and folders with hidden names."""
        for path in sorted(self.path.rglob(".*")):
            files.remove(path)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the worker's output."""
        try:
            text = self.log_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _queue(self, kind: Kind, queued_at: float, earlier: float) -> None:
        self.write(
            Status(state=State.QUEUED, kind=kind, queued_at=queued_at, earlier_seconds=earlier)
        )

    def _unfinished(self, spec: JobSpec) -> bool:
        """Whether the same job is already here and did not finish."""
        try:
            return self.recorded().state is not State.FINISHED and self.spec() == spec
        except (OSError, ValueError):
            return False

    def _total_seconds(self) -> float:
        """Seconds of all attempts so far, the last one included."""
        last = self.recorded()
        if last.ended_at is None:
            last = last.model_copy(update={"ended_at": self.last_activity})
        return last.earlier_seconds + (last.seconds or 0.0)
