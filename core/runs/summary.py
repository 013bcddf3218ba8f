"""A run in one line, as lists show it: cheap enough to be asked of every run at every turn."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core.errors import RunDamaged
from core.evaluation.report import VERSION, Estimate
from core.jobs.folder import State
from core.runs import manifest
from core.runs.annotations import ANNOTATIONS
from core.runs.manifest import MANIFEST
from core.runs.run import CONFIG, DATASET, MODEL_FOLDER, REPORT, SAMPLE, Run
from core.settings import MEGABYTE, Settings
from core.system import files

REMEMBERED = 4_000
"""Runs whose files are not read again before they change."""
DAMAGED = "Damaged run"


class Summary(BaseModel):
    """One line of the list of runs.

    Attributes:
        name: by its owner, or else that of the pictures.
        data: what the pictures are called.
        sample: whether it is the one that comes with Tusker.
        published: whether everybody on this host finds it in their lists.
        complete: whether its report is finished.
        damaged: whether a file is not what it should be.
        at: when it was ordered, in seconds since 1970.
        accuracy, low, high: with the interval that holds the true one in 95 of 100 test sets.
        megabytes: all of its files.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    data: str = ""
    tags: tuple[str, ...] = ()
    sample: bool = False
    published: bool = False
    state: State
    complete: bool
    damaged: bool = False
    at: float
    backbone: str = ""
    classes: tuple[str, ...] = ()
    pictures: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    megabytes: float = 0.0

    @property
    def estimate(self) -> Estimate | None:
        """Its accuracy with the interval; None before there is one."""
        if self.accuracy is None or self.low is None or self.high is None:
            return None
        return Estimate(value=self.accuracy, low=self.low, high=self.high)


class _Example(BaseModel):
    """A picture that is only counted."""


class _Data(BaseModel):
    name: str
    classes: tuple[str, ...]
    examples: tuple[_Example, ...]


class _Report(BaseModel):
    version: int
    accuracy: Estimate


def summarise(run: Run, settings: Settings) -> Summary:
    """A run in one line; one that cannot be read is called damaged."""
    said, line = run.annotations(), _read(run.path, _stamp(run.path))
    state, at = State.FAILED, 0.0
    try:
        status = run.status(settings)
        at = status.queued_at
        if status.state is State.FINISHED and not line.complete:  # its manifest is lost
            line = _damaged(line.data, line.megabytes)
        state = State.FAILED if line.damaged else status.state
    except (OSError, ValueError):
        if not line.complete:  # a finished one can be read without
            line = _damaged(line.data, line.megabytes)
    return line.model_copy(
        update={
            "id": run.id,
            "name": said.name or line.name,
            "tags": said.tags,
            "published": run.published,
            "sample": run.path == SAMPLE,
            "state": state,
            "at": at or _time(run.path),
        }
    )


@lru_cache(maxsize=REMEMBERED)
def _read(path: Path, stamp: tuple[tuple[int, int], ...]) -> Summary:
    """What the files of a run say, without what changes while they stay as they are."""
    del stamp  # what the cache goes by
    run, data = Run(path), ""
    try:
        found = _Data.model_validate_json((path / DATASET).read_bytes())
        data = found.name
        line = Summary(
            id=run.id,
            name=data,
            data=data,
            state=State.FINISHED,
            complete=run.complete,
            at=0,
            backbone=run.config().backbone,
            classes=found.classes,
            pictures=len(found.examples),
            megabytes=files.size(path) / MEGABYTE,
        )
        if not run.complete:
            return line
        # Files that are those of the manifest need not be read whole to be trusted.
        manifest.check(path, [DATASET, REPORT])
        report = _Report.model_validate_json((path / REPORT).read_bytes())
        if report.version != VERSION:
            raise RunDamaged(f"Expected a report of version {VERSION}.")
    except (RunDamaged, OSError, ValueError):
        return _damaged(data, files.size(path) / MEGABYTE)
    of_it = report.accuracy
    return line.model_copy(update={"accuracy": of_it.value, "low": of_it.low, "high": of_it.high})


def _damaged(data: str = "", megabytes: float = 0.0) -> Summary:
    return Summary(
        id="",
        name=data or DAMAGED,
        data=data,
        state=State.FAILED,
        complete=False,
        damaged=True,
        at=0,
        megabytes=megabytes,
    )


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """Time and size of what a summary is read from; another one means that it has changed."""
    return tuple(
        _mark(path / name)
        for name in (CONFIG, DATASET, REPORT, MANIFEST, MODEL_FOLDER, ANNOTATIONS)
    )


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
