"""Run folders of this machine: create, find, list, discard, restore, delete."""

import contextlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from core.dataset import Dataset
from core.dataset.findings import Finding
from core.errors import BadInput, UnknownModel
from core.jobs import owned_folders, quotas, scheduling
from core.jobs.folder import CHECKPOINT, JobSpec
from core.runs.filenames import CONFIG
from core.runs.run import SAMPLE, Run
from core.settings import Settings
from core.system import files, log, visitors
from core.training.config import TrainingConfig

RUN_ID = owned_folders.ID
TRASH = ".trash-"
"""Prefix of the folder of a discarded run."""
TRASH_MINUTES = 60
"""How many minutes a discarded run can be restored."""
EXPORT_SECONDS = 5.0
"""How many seconds a cancelled export may take to stop."""
AT_WORK = "This run is still queued or training. Cancel it first, then delete it."


def folder(settings: Settings) -> Path:
    """The folder that holds all run folders."""
    return settings.home.resolve() / "runs"


def create(config: TrainingConfig, dataset: Dataset, path: Path) -> Run:
    """Create a run folder with its settings and its dataset. The training is not queued yet."""
    path.mkdir(parents=True, exist_ok=True)
    run = Run(path)
    run.dataset.write(dataset)
    run.config.write(config)
    return run


def queue_training(
    config: TrainingConfig,
    dataset: Dataset,
    findings: tuple[Finding, ...],
    spec: JobSpec,
    settings: Settings,
    *,
    by: str,
    prepare: Callable[[Run], object],
) -> Run:
    """Create a run for a visitor and queue its training.

    Args:
        spec: as `training_spec` makes it.
        by: id of the visitor.
        prepare: called with the run before it is queued.

    Raises:
        LimitExceeded: too many jobs wait, or no disk space or training time is left.
        NotEnoughResources: the disk is full.
    """
    quotas.check_minutes(by, settings)
    with owned_folders.create(folder(settings), "The run", settings, by=by) as path:
        run = create(config, dataset, path)
        run.findings.write(findings)
        prepare(run)
        scheduling.enqueue(path, spec, settings, by=by)
    return run


def new_path(settings: Settings) -> Path:
    """A path for a new run."""
    return owned_folders.new_path(folder(settings))


def training_spec(pictures: Path, start: Path | None = None) -> JobSpec:
    """The specification of the job that trains a run.

    Args:
        pictures: folder that the dataset's paths are relative to.
        start: folder of the model to continue from, if the settings name one.
    """
    arguments = {"pictures": str(pictures)} | ({"start": str(start)} if start else {})
    return JobSpec(kind="train", arguments=arguments)


def get(settings: Settings, run_id: str) -> Run:
    """The run with this id.

    Raises:
        UnknownModel: there is none.
    """
    if RUN_ID.fullmatch(run_id):
        run = Run(SAMPLE if run_id == SAMPLE.name else folder(settings) / run_id)
        if run.exists:
            return run
    raise UnknownModel("No run with this id is on this machine. It may have been deleted.")


def open_folder(path: Path) -> Run:
    """The run in a folder that the user names on the command line.

    Raises:
        BadInput: it is not a run folder.
    """
    run = Run(path)
    if not run.exists:
        raise BadInput(f"Expected a run folder at {path}, but it holds no {CONFIG}.")
    return run


def list_runs(settings: Settings) -> tuple[Run, ...]:
    """All runs of this machine."""
    paths = owned_folders.list_folders(folder(settings))
    return tuple(run for run in map(Run, paths) if run.exists)


def folders_in_use(settings: Settings) -> set[Path]:
    """Uploads and imported models that queued and running trainings read."""
    paths: set[Path] = set()
    for run in list_runs(settings):
        with contextlib.suppress(OSError, ValueError):
            if run.at_work(settings):
                paths |= {run.pictures.parent} if run.pictures else set()
                paths |= {run.start} if run.start else set()
    return paths


def discard(run: Run, settings: Settings) -> None:
    """Move a run to the trash; `restore` brings it back until `sweep` removes it.

    Raises:
        BadInput: it is queued or training, or it is the sample.
    """
    if run.path == SAMPLE:
        raise BadInput("The sample comes with Tusker and cannot be deleted.")
    sweep(settings)
    if run.at_work(settings):
        raise BadInput(AT_WORK)
    scheduling.cancel(run.export_job, settings)
    with run.job.try_lock(timeout=EXPORT_SECONDS) as free:
        if run.job.exists and not free:
            raise BadInput(AT_WORK)
        with contextlib.suppress(FileNotFoundError):  # another tab was faster
            os.utime(run.path)  # the time counts from the deletion
            run.path.rename(run.path.with_name(TRASH + run.id))


def restorable(run_id: str, settings: Settings) -> bool:
    """Whether a discarded run can still be restored."""
    return bool(RUN_ID.fullmatch(run_id)) and (folder(settings) / (TRASH + run_id)).is_dir()


def restore(run_id: str, settings: Settings) -> Run:
    """Bring a discarded run back.

    Raises:
        UnknownModel: it has been removed for good.
    """
    home = folder(settings)
    if restorable(run_id, settings):
        return Run((home / (TRASH + run_id)).rename(home / run_id))
    raise UnknownModel("This run has been removed for good; it can no longer be restored.")


def sweep(settings: Settings) -> None:
    """Remove old trash, checkpoints nobody can resume and, on a public host, visitors' old runs.

    Runs that are queued or training stay, as do published runs and those without an owner, which
    were trained on the machine itself.
    """
    oldest = time.time() - TRASH_MINUTES * 60
    for path in folder(settings).glob(f"{TRASH}*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                quotas.keep_minutes(path, settings)
                files.remove(path)
    for path in folder(settings).glob(f"*/{CHECKPOINT}"):
        with contextlib.suppress(OSError):
            run = Run(path.parent)
            if run.status(settings).state.ended and (run.complete or run.pictures is None):
                files.remove(path)
    if settings.mode == "public":
        _sweep_old_runs(settings)


def _sweep_old_runs(settings: Settings) -> None:
    removed = 0
    oldest = time.time() - settings.run_days * 24 * 3600
    for run in list_runs(settings):
        with contextlib.suppress(FileNotFoundError):
            exempt = run.published or not visitors.owner(run.path)
            if not exempt and _ended_at(run, settings) < oldest:
                with run.job.try_lock() as free:
                    if free or not run.job.exists:
                        quotas.keep_minutes(run.path, settings)
                        files.remove(run.path)
                        removed += 1
    if removed:
        log.event("old runs deleted", runs=removed, days=settings.run_days)


def _ended_at(run: Run, settings: Settings) -> float:
    """When a run ended, in seconds since 1970; infinity while it is queued or training.

    Raises:
        FileNotFoundError: the run was deleted.
    """
    if not run.job.exists:
        return run.path.stat().st_mtime
    status = run.status(settings)
    return (status.ended_at or status.queued_at) if status.state.ended else math.inf
