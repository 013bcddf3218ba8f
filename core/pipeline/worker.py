"""The worker process: `python -m core.pipeline.worker FOLDER` runs the job of a folder."""

import errno
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import Timeout

from core import settings as settings_module
from core.errors import BadDataset, Cancelled, NoClasses, NotEnoughResources, TuskerError
from core.jobs.events import Emit, Event, StepReporter
from core.jobs.folder import JobFolder, State
from core.jobs.workers import CANCELLED, SMALLER
from core.settings import Settings
from core.system import files

# As a program, its `__name__` is `__main__`.
logger = logging.getLogger("core.pipeline.worker")

Handler = Callable[[JobFolder, Settings, Emit, dict[str, Any]], None]

LOCK_SECONDS = 10
PARENT_SECONDS = 0.5
"""How often a worker in a cluster checks that its parent process still exists."""
GRACE_SECONDS = 3.0
"""Seconds that a worker without a parent has to stop before it is ended."""
STOPPED_EXIT_CODE = 128 + signal.SIGTERM
"""Exit code after SIGTERM, as shells define it."""
STOP_REQUESTED = threading.Event()
"""Set by SIGTERM, since a library that is being imported may turn `Stopped` into another error."""
SORRY = "Sorry, something went wrong; it is a bug. The log says what happened."


class Stopped(BaseException):
    """SIGTERM was received. A BaseException, which libraries rarely catch."""


def _intake(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Ingest an uploaded archive or folder."""
    from core import intake
    from core.checks import Finding
    from core.images import Scale

    source, name = Path(arguments["source"]), arguments["name"]
    notes = [Finding.model_validate(note) for note in arguments.get("notes", ())]
    keep_source = False
    for left in (intake.pictures(folder.path), folder.path / intake.THUMBNAILS):
        files.remove(left)  # of an attempt that was stopped
    try:
        if arguments.get("unsorted"):
            from core import labelling

            labelling.ingest(source, name, folder.path, settings, StepReporter(emit))
        else:
            one_class, scale = arguments.get("one_class", False), arguments.get("scale")
            ingested = intake.ingest(
                source,
                name,
                folder.path,
                settings,
                StepReporter(emit),
                notes,
                expect_classes="none" if one_class else "preferably_several",
                scale=scale and Scale.model_validate(scale),
            )
            keep_source = len(ingested.dataset.classes) == 1 and not one_class
    except NoClasses:
        keep_source = True  # the page offers to label them
        raise
    finally:
        # Its pictures have been unpacked, or it cannot be used: free the disk. A cluster repeats a
        # job that was stopped and not cancelled.
        stopped = STOP_REQUESTED.is_set() and not folder.cancel_requested
        repeatable = stopped and settings.runner == "ray"
        if source.parent == folder.path and not (keep_source or repeatable):
            files.remove(source)


def _prepare(_: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Prepare a backbone's serving model."""
    from core import backbones
    from core.backbones import serving

    serving.prepare(backbones.get(arguments["backbone"]), settings, StepReporter(emit))


def _compare(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Compare backbones on an upload's pictures."""
    from core.bakeoff import job

    job.work(folder, _pictures(arguments, "comparison"), settings, StepReporter(emit))


def _import_model(folder: JobFolder, settings: Settings, emit: Emit, _: dict[str, Any]) -> None:
    """Build the serving model of an imported model."""
    from core.bundles import ImportedModel

    ImportedModel(folder.path).build(settings, StepReporter(emit))


def _train(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Train and evaluate a run."""
    pictures = _pictures(arguments, "run")
    from core.pipeline import training_job
    from core.runs import Run

    start = arguments.get("start")
    training_job.train(
        Run(folder.path), pictures, settings, emit, start=None if start is None else Path(start)
    )


def _export(folder: JobFolder, settings: Settings, emit: Emit, _: dict[str, Any]) -> None:
    """Prepare formats of a complete run."""
    from core.export import on_demand
    from core.runs import Run

    on_demand.work(Run(folder.path.parent), settings, emit)


def _pictures(arguments: dict[str, Any], owner: str) -> Path:
    pictures = Path(arguments["pictures"])
    if not pictures.is_dir():
        raise BadDataset(f"The pictures of this {owner} are no longer here. Upload them again.")
    return pictures


HANDLERS: dict[str, Handler] = {
    "intake": _intake,
    "prepare": _prepare,
    "compare": _compare,
    "import": _import_model,
    "train": _train,
    "export": _export,
}


def run_job(folder: JobFolder, settings: Settings, watch: Emit | None = None) -> None:
    """Run the job of a folder in this process, and record how it ended.

    Args:
        watch: also called with each event.

    Raises:
        TuskerError: the job failed; the folder's status has the same sentence.
        KeyboardInterrupt, Stopped: recorded, then passed on.
        Timeout: another process works in the folder.
    """
    last = ""

    def emit(event: Event) -> None:
        nonlocal last
        folder.events.append(event)
        step = getattr(event, "what", "") or getattr(event, "sentence", "") or last
        if step != last:  # so that the log says where a worker crashed
            last = step
            logger.info("%s", step)
        if watch is not None:
            watch(event)
        if folder.cancel_requested:
            raise Cancelled(CANCELLED)
        if STOP_REQUESTED.is_set():
            raise Stopped

    with folder.lock().acquire(timeout=LOCK_SECONDS):
        if folder.recorded().state is State.QUEUED and not folder.cancel_requested:
            folder.begin()
            try:
                spec = folder.spec()
                logger.info("%s begins", spec.kind)
                HANDLERS[spec.kind](folder, settings, emit, spec.arguments)
            except BaseException as error:
                _record(folder, error)
            else:
                # An export records its end itself, and may have been requested again since.
                if folder.recorded().state is State.RUNNING:
                    folder.end(State.FINISHED)


def _record(folder: JobFolder, error: BaseException) -> None:
    """Write to the folder how the job ended, then raise the exception for the caller."""
    if isinstance(error, Cancelled | KeyboardInterrupt) or folder.cancel_requested:
        folder.end(State.CANCELLED, CANCELLED)
        expected = isinstance(error, Cancelled | KeyboardInterrupt | Stopped)
        raise error if expected else Cancelled(CANCELLED) from error
    if isinstance(error, Stopped) or STOP_REQUESTED.is_set():
        raise Stopped from error  # the process that stopped this one records the reason
    failure = _as_tusker_error(error)
    folder.end(State.FAILED, str(failure))
    raise failure


def _as_tusker_error(error: BaseException) -> TuskerError:
    if isinstance(error, TuskerError):
        return error
    # A library whose code does not fit into memory cannot be imported.
    unmapped = isinstance(error, ImportError) and "failed to map" in str(error)
    if isinstance(error, MemoryError) or unmapped:
        return NotEnoughResources(
            f"Memory ran out. {SMALLER} The host can raise "
            f"{Settings.variable('worker_megabytes')} where there is more."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotEnoughResources("The disk is full. Delete runs that are no longer needed.")
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.EROFS):
        return NotEnoughResources(
            f"The disk of this host cannot be written to ({error.strerror}). Try again; "
            "if it happens again, the host should check the disk."
        )
    logger.error("the job failed", exc_info=error)
    return TuskerError(SORRY)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    STOP_REQUESTED.set()
    raise Stopped


def main(path: Path) -> int:
    """Run the job in a folder. Returns 0 if it is finished, or if another process runs it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    folder = JobFolder(path)
    settings = settings_module.load()
    try:
        signal.signal(signal.SIGTERM, _stop)
        if settings.runner == "ray":
            threading.Thread(target=_stop_without, args=(os.getppid(),), daemon=True).start()
        run_job(folder, settings)
    except Timeout:
        logger.warning("another process runs this job")
    except Stopped:
        logger.info("stopped")
        return STOPPED_EXIT_CODE
    except TuskerError as error:
        logger.info("%s", error)
        return 1
    return 0


def _stop_without(parent: int) -> None:
    """Stop once the parent process is gone: the cluster then starts the job elsewhere."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(STOPPED_EXIT_CODE)


def _limit_memory(allowed: int) -> None:
    """Limit the address space, in bytes, of this process and of those it starts; 0: no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if allowed and sys.platform == "linux":  # elsewhere the system ignores or refuses it
        ceiling = resource.getrlimit(resource.RLIMIT_AS)[1]
        if ceiling != resource.RLIM_INFINITY:
            allowed = min(allowed, ceiling)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, ceiling))


if __name__ == "__main__":
    _limit_memory(settings_module.load().worker_bytes)
    sys.exit(main(Path(sys.argv[1])))
