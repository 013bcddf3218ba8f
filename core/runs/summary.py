"""The summary of a run that lists show.

Cheap enough to compute for every run each time a list is drawn.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from core.errors import RunDamaged
from core.evaluation.report import VERSION, Estimate
from core.jobs.folder import State
from core.runs.filenames import DATASET, REPORT
from core.runs.run import SAMPLE, Run
from core.settings import MEGABYTE, Settings
from core.system import files

REMEMBERED = 4_000
"""Runs whose summaries are cached."""
DAMAGED = "Damaged run"


class Summary(BaseModel, frozen=True):
    """One line of the list of runs.

    Attributes:
        name: the owner's, or else that of the pictures, which is `data`.
        damaged: whether a file is missing or differs from the file that the training wrote.
        at: when it was queued, in seconds since 1970.
        accuracy: None before there is a report.
        fair: whether no test picture nearly equals a training picture.
        megabytes: size of all its files.
    """

    id: str
    name: str = DAMAGED
    data: str = ""
    tags: tuple[str, ...] = ()
    sample: bool = False
    published: bool = False
    state: State = State.FAILED
    complete: bool = False
    damaged: bool = False
    at: float = 0.0
    backbone: str = ""
    preset: str = ""
    classes: tuple[str, ...] = ()
    pictures: int = 0
    accuracy: Estimate | None = None
    fair: bool = True
    megabytes: float = 0.0


class _Data(BaseModel):
    """The fields of `dataset.json` that a summary needs."""

    name: str
    classes: tuple[str, ...]
    examples: tuple[object, ...]


class _Report(BaseModel):
    """The fields of `report.json` that a summary needs."""

    version: int = Field(ge=VERSION, le=VERSION)
    leaked: int = 0
    accuracy: Estimate


def summarise(run: Run, settings: Settings) -> Summary:
    """Summarise a run; the summary of an unreadable one says that it is damaged."""
    annotations, line = run.annotations(), _read(run.path, run.stamp)
    state, at = State.FAILED, 0.0
    try:
        status = run.status(settings)
        at = status.queued_at
        # A job that finished without a manifest has lost it.
        damaged = line.damaged or (status.state is State.FINISHED and not line.complete)
        state = State.FAILED if damaged else status.state
    except (OSError, ValueError):
        damaged = not line.complete  # a finished run can be read without its status
    return line.model_copy(
        update={
            "damaged": damaged,
            "name": annotations.name or line.name,
            "tags": annotations.tags,
            "published": run.published,
            "sample": run.path == SAMPLE,
            "state": state,
            "at": at or files.modified(run.path)[0] / 1e9,
        }
    )


@lru_cache(maxsize=REMEMBERED)
def _read(path: Path, stamp: tuple[tuple[int, int], ...]) -> Summary:
    """The part of a summary that is read from the run's files, cached until one of them changes."""
    del stamp  # part of the cache key
    run = Run(path)
    values: dict[str, Any] = {"id": run.id, "megabytes": files.size(path) / MEGABYTE}
    try:
        dataset = _Data.model_validate_json((path / DATASET).read_bytes())
        values |= {"name": dataset.name, "data": dataset.name}
        config = run.config()
        values |= {"backbone": config.backbone, "preset": config.preset}
        values |= {"classes": dataset.classes, "pictures": len(dataset.examples)}
        if run.complete:
            # With the right hashes these files need not be parsed whole to be trusted.
            run.check_files(DATASET, REPORT)
            report = _Report.model_validate_json((path / REPORT).read_bytes())
            values |= {"complete": True, "accuracy": report.accuracy, "fair": not report.leaked}
    except (RunDamaged, OSError, ValueError):
        values["damaged"] = True
    return Summary(**values)
