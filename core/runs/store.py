"""All runs of this machine: create, find, list, discard, delete."""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import shutil
import time
from pathlib import Path

from core.dataset import Dataset
from core.errors import BadInput, UnknownModel
from core.jobs.folder import CHECKPOINT, Order
from core.runs.run import CONFIG, SAMPLE, Run
from core.settings import Settings
from core.system import files, log, visitors
from core.training.config import TrainingConfig

RUN_ID = re.compile(r"[0-9a-f]{32}")
TRASH = ".trash-"
"""What the folder of a discarded run is called before its id."""
TRASH_MINUTES = 60
"""How long a discarded run can be brought back."""
AT_WORK = "This run is still at work. Cancel it first, then delete it."


def folder(settings: Settings) -> Path:
    """Where the runs are."""
    return settings.home.resolve() / "runs"


def create(config: TrainingConfig, dataset: Dataset, path: Path, *, by: str = "") -> Run:
    """A new run folder with its settings and its data, not yet ordered from anybody.

    Args:
        by: mark of the visitor whose it is. It comes first, so that no run is nobody's.
    """
    path.mkdir(parents=True, exist_ok=True)
    visitors.set_owner(path, by)
    run = Run(path)
    run.write_dataset(dataset)
    files.write_text(path / CONFIG, config.model_dump_json(indent=1))  # by which it is found
    return run


def new_path(settings: Settings) -> Path:
    """Where a new run goes: 128 random bits, so that nobody guesses it."""
    return folder(settings) / secrets.token_hex(16)


def order(pictures: Path, start: Path | None = None) -> Order:
    """What a worker is asked to do with a run.

    Args:
        pictures: folder that the dataset's paths are relative to.
        start: folder of the model that it goes on from, if the settings name one.
    """
    arguments = {"pictures": str(pictures)}
    return Order(
        kind="train", arguments=arguments if start is None else arguments | {"start": str(start)}
    )


def get(settings: Settings, run_id: str) -> Run:
    """The run with this id.

    Raises:
        UnknownModel: there is none.
    """
    if RUN_ID.fullmatch(run_id):
        path = SAMPLE if run_id == SAMPLE.name else folder(settings) / run_id
        if (path / CONFIG).is_file():
            return Run(path)
    raise UnknownModel("No run with this id is on this machine. It may have been deleted.")


def open_folder(path: Path) -> Run:
    """The run in a folder that somebody names on the command line.

    Raises:
        BadInput: it is not a run folder.
    """
    if not (path / CONFIG).is_file():
        raise BadInput(f"Expected a run folder at {path}, but it holds no {CONFIG}.")
    return Run(path)


def list_runs(settings: Settings) -> tuple[Run, ...]:
    """All runs of this machine."""
    home = folder(settings)
    if not home.is_dir():
        return ()
    return tuple(
        Run(path)
        for path in home.iterdir()
        if RUN_ID.fullmatch(path.name) and (path / CONFIG).is_file()
    )


def sample() -> Run:
    """The finished run that comes with Tusker: anybody's to read, nobody's to change."""
    return Run(SAMPLE)


def discard(run: Run, settings: Settings) -> None:
    """Take a run off every list; until `sweep` comes by, `restore` brings it back.

    Raises:
        BadInput: it is still at work, or it comes with Tusker.
    """
    if run.path == SAMPLE:
        raise BadInput("The sample comes with Tusker and cannot be deleted.")
    sweep(settings)
    if not run.job.exists:
        _throw_away(run)
        return
    if not run.status(settings).state.ended:
        raise BadInput(AT_WORK)
    with run.job.try_lock(timeout=1.0) as free:
        if not free:
            raise BadInput(AT_WORK)
        _throw_away(run)


def restorable(run_id: str, settings: Settings) -> bool:
    """Whether a discarded run can still be brought back."""
    return bool(RUN_ID.fullmatch(run_id)) and (folder(settings) / (TRASH + run_id)).is_dir()


def restore(run_id: str, settings: Settings) -> Run:
    """Bring a run back that was discarded.

    Raises:
        UnknownModel: it has been removed for good.
    """
    home = folder(settings)
    if restorable(run_id, settings):
        return Run((home / (TRASH + run_id)).rename(home / run_id))
    raise UnknownModel("This run has been removed for good; it can no longer be brought back.")


def sweep(settings: Settings) -> None:
    """Remove for good what was discarded a while ago, and on a public host visitors' old runs.

    Runs that can no longer go on lose what they would go on from, which is larger than the rest.

    A run that waits or is at work stays, and so does one that is published, or that was made by
    whoever sits at the machine.
    """
    gone = 0
    oldest = time.time() - TRASH_MINUTES * 60
    for path in folder(settings).glob(f"{TRASH}*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                files.remove(path)
    for path in folder(settings).glob(f"*/{CHECKPOINT}"):
        with contextlib.suppress(OSError):
            run = Run(path.parent)
            if run.status(settings).state.ended and (run.complete or run.source is None):
                files.remove(path)
    for run in list_runs(settings) if settings.mode == "public" else ():
        with contextlib.suppress(FileNotFoundError):
            kept = run.published or not visitors.owner(run.path)
            if not kept and _ended_at(run, settings) < time.time() - _days(settings):
                gone += _removed(run)
    if gone:
        log.event("old runs deleted", runs=gone, days=settings.run_days)


def _days(settings: Settings) -> float:
    return settings.run_days * 24 * 3600


def _ended_at(run: Run, settings: Settings) -> float:
    """When nothing more happened to a run, in seconds since 1970; without end while it is at work.

    Raises:
        FileNotFoundError: it is gone.
    """
    if not run.job.exists:
        return run.path.stat().st_mtime
    status = run.status(settings)
    return (status.ended_at or status.queued_at) if status.state.ended else math.inf


def _removed(run: Run) -> bool:
    """Remove a run for good, unless somebody is at work in it."""
    if not run.job.exists:
        delete(run)
        return True
    with run.job.try_lock() as free:
        if free:
            delete(run)
    return free


def _throw_away(run: Run) -> None:
    with contextlib.suppress(FileNotFoundError):  # another tab was faster
        os.utime(run.path)  # from now on it is as old as its deletion
        run.path.rename(run.path.with_name(TRASH + run.id))


def delete(run: Run) -> None:
    """Remove a run and all that is in it, for good."""
    shutil.rmtree(run.path, ignore_errors=True)
