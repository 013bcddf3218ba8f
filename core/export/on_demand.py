"""The job that prepares exports of a run: one per run, with a list of the requested formats."""

from collections.abc import Collection

from filelock import FileLock

from core.errors import BadInput, Cancelled
from core.export.build import export
from core.export.formats import FORMATS, Format, named
from core.export.packing import REWRITTEN, available_formats
from core.jobs import JobFolder, enqueue, quotas, scheduling
from core.jobs.events import Emit
from core.jobs.folder import JobSpec, State
from core.runs.run import SAMPLE, Run
from core.settings import Settings

REQUESTED = "formats"
WRITTEN = {*REWRITTEN, *(form.file for form in FORMATS)}
"""Files and folders that exports write; the manifest does not list those of one that was killed."""


def request(run: Run, forms: Collection[Format], settings: Settings, *, by: str = "") -> JobFolder:
    """Queue the preparation of formats, in addition to those that are queued or being prepared.

    Args:
        by: id of the visitor.

    Raises:
        BadInput: as `check`.
        LimitExceeded: the queue is full, or the visitor has no disk space or no job left.
    """
    check(run)
    quotas.check_space(by, settings)
    job, names = run.export_job, [form.name for form in forms]
    job.path.mkdir(exist_ok=True)
    with _requests_lock(job):
        waiting = scheduling.at_work(job, settings)
        names = [*(_requested(run) if waiting else ()), *names]
        spec = JobSpec(kind="export", arguments={REQUESTED: names})
        if not waiting:
            return enqueue(job.path, spec, settings, by=by)
        job.replace_spec(spec)
        return job


def waiting(run: Run, settings: Settings) -> tuple[Format, ...]:
    """The formats that are queued or being prepared."""
    if not scheduling.at_work(run.export_job, settings):
        return ()
    available = available_formats(run)
    return tuple(form for form in named(_requested(run)) if form not in available)


def work(run: Run, settings: Settings, emit: Emit) -> None:
    """Prepare the requested formats, including those requested meanwhile, and end the job.

    A format that was requested again after it failed is tried again. The end is recorded under
    the lock: a request is either seen here, or starts another job.

    Raises:
        RunDamaged: the run's own files cannot be read.
        Cancelled: by `emit`.
    """
    done, job = 0, run.export_job
    while True:
        with _requests_lock(job):
            names = _requested(run)[done:]
            if not names:
                job.end(State.FINISHED)
                return
        prepare(run, named(names), settings, emit)
        done += len(names)


def prepare(run: Run, forms: Collection[Format], settings: Settings, emit: Emit) -> None:
    """Prepare formats in this process, unless the run offers them already, and update its manifest.

    Raises:
        BadInput: as `check`.
        RunDamaged: a file of the run cannot be read, or differs from its manifest.
        Cancelled: by `emit`.
    """
    check(run)
    with run.job.lock():  # the last steps of the training write the same files
        manifest, available = run.manifest(), available_formats(run)
        # The new manifest lists every file as it is then: damage would no longer show.
        run.check_results(WRITTEN)
        run.check_listed(run.model_folder / form.file for form in available)
        missing = [form for form in forms if form not in available]
        if not missing:
            return
        try:
            export(run, missing, run.pictures, settings, emit)
        finally:
            run.complete_with(
                manifest.name, manifest.completed_at, manifest.seconds, manifest.tusker
            )


def check(run: Run) -> None:
    """Check that a run has a model to export.

    Raises:
        BadInput: it is not complete, or it is the sample.
    """
    if run.path == SAMPLE:
        raise BadInput(
            "The sample has no model files to download. Train your own model to get some."
        )
    if not run.complete:
        raise BadInput("This run is not finished, so it has no model to export yet.")


def _requested(run: Run) -> list[str]:
    """Names of the requested formats, in the order of the requests."""
    names: list[str] = run.export_job.spec().arguments[REQUESTED]
    return names


def _requests_lock(job: JobFolder) -> FileLock:
    """Held while the list of requested formats is changed, and while the job ends.

    Raises:
        Cancelled: the run was deleted; a lock would bring its folder back.
    """
    if not job.path.is_dir():
        raise Cancelled("The run was deleted.")
    return FileLock(job.path / "orders.lock")
