"""All runs of this machine: create, find, list, delete."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from core import files
from core.dataset import Dataset
from core.errors import BadInput, RunDamaged, UnknownModel
from core.jobs.folder import State
from core.run import CONFIG, Run
from core.settings import Settings
from core.training.config import TrainingConfig

__all__ = [
    "RUN_ID",
    "Run",
    "Summary",
    "at",
    "create",
    "delete",
    "every",
    "folder",
    "get",
    "new_path",
    "summarise",
]


RUN_ID = re.compile(r"[0-9a-f]{32}")


class Summary(BaseModel):
    """One line of the list of runs."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
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


def folder(settings: Settings) -> Path:
    """Where the runs are."""
    return settings.home.resolve() / "runs"


def create(config: TrainingConfig, dataset: Dataset, path: Path) -> Run:
    """A new run folder with its settings and its data, not yet ordered from anybody."""
    path.mkdir(parents=True, exist_ok=True)
    run = Run(path)
    files.write_text(path / CONFIG, config.model_dump_json(indent=1))
    run.write_dataset(dataset)
    return run


def new_path(settings: Settings) -> Path:
    """Where a new run goes: 128 random bits, so that nobody guesses it."""
    return folder(settings) / secrets.token_hex(16)


def get(settings: Settings, run_id: str) -> Run:
    """The run with this id.

    Raises:
        UnknownModel: there is none.
    """
    if RUN_ID.fullmatch(run_id) and (folder(settings) / run_id / CONFIG).is_file():
        return Run(folder(settings) / run_id)
    raise UnknownModel("No run with this id is on this machine. It may have been deleted.")


def at(path: Path) -> Run:
    """The run in a folder that somebody names on the command line.

    Raises:
        BadInput: it is not a run folder.
    """
    if not (path / CONFIG).is_file():
        raise BadInput(f"Expected a run folder at {path}, but it holds no {CONFIG}.")
    return Run(path)


def every(settings: Settings) -> tuple[Run, ...]:
    """All runs of this machine."""
    home = folder(settings)
    if not home.is_dir():
        return ()
    return tuple(
        Run(path)
        for path in home.iterdir()
        if RUN_ID.fullmatch(path.name) and (path / CONFIG).is_file()
    )


def summarise(run: Run, settings: Settings) -> Summary:
    """A run in one line; one that cannot be read is called damaged."""
    name, begun = "", 0.0
    try:
        status = run.status(settings)
        begun = status.queued_at
        dataset = run.dataset()
        name = dataset.name
        line = Summary(
            id=run.id,
            name=name,
            state=status.state,
            complete=run.complete,
            at=begun,
            backbone=run.config().backbone,
            classes=dataset.classes,
            pictures=len(dataset.examples),
        )
        if not run.complete:
            return line
        accuracy = run.report().accuracy
        size = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
        return line.model_copy(
            update={
                "accuracy": accuracy.value,
                "low": accuracy.low,
                "high": accuracy.high,
                "megabytes": size / 1024**2,
            }
        )
    except (RunDamaged, OSError, ValueError):
        return Summary(
            id=run.id,
            name=name or "Damaged run",
            state=State.FAILED,
            complete=False,
            damaged=True,
            at=begun,
        )


def delete(run: Run) -> None:
    """Remove a run and all that is in it."""
    shutil.rmtree(run.path, ignore_errors=True)
