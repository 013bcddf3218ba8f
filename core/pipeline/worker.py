"""The worker process: `python -m core.pipeline.worker FOLDER` does the job ordered there."""

from __future__ import annotations

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
from core.errors import BadDataset, Cancelled, NotEnoughResources, TuskerError
from core.jobs.events import Emit, Event
from core.jobs.folder import JobFolder, State
from core.settings import Settings
from core.system import files

logger = logging.getLogger(
    "core.pipeline.worker"
)  # `__name__` is another in the process of its own

Work = Callable[[JobFolder, Settings, Emit, dict[str, Any]], None]

LOCK_SECONDS = 10
PARENT_SECONDS = 0.5
"""How often a worker in a cluster looks whether it is still wanted."""
GRACE_SECONDS = 3.0
"""How long it may take to stop by itself when it is not."""
STOPPED = 128 + signal.SIGTERM
"""Exit code of a worker that the system asked to end, as shells have it."""
CANCELLED = "It was cancelled."
STOPPING = threading.Event()
"""Set once the system has asked: libraries turn what a signal raises while they are imported into
errors of their own."""
SORRY = "Sorry, something went wrong that should not; it is a bug. The log says what happened."


class Stopped(BaseException):
    """The system asked the process to end; no `except Exception` of a library holds it up."""


def intake(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Take in an uploaded archive or folder, and see how fast this machine is with it."""
    from core import backbones
    from core import intake as room
    from core.checks import Finding
    from core.estimating import throughput
    from core.jobs.events import Counter

    source = Path(arguments["source"])
    notes = [Finding.model_validate(note) for note in arguments.get("notes", ())]
    try:
        room.take_in(source, arguments["name"], folder.path, settings, Counter(emit), notes)
    finally:
        # The pictures are out of it, or it is of no use: keep the disk for others.
        if source.parent == folder.path:
            files.remove(source)
    throughput.measure(folder.path, backbones.get(backbones.DEFAULT), settings)


def prepare(_: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Prepare a backbone's serving model."""
    from core import backbones
    from core.backbones import serving
    from core.jobs.events import Counter

    serving.prepare(backbones.get(arguments["backbone"]), settings, Counter(emit))


def measure(_: JobFolder, settings: Settings, _emit: Emit, arguments: dict[str, Any]) -> None:
    """See how fast this machine is with an upload's pictures and another backbone."""
    from core import backbones
    from core.estimating import throughput

    throughput.measure(Path(arguments["upload"]), backbones.get(arguments["backbone"]), settings)


def compare(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Compare backbones on an upload's pictures."""
    from core.bakeoff import job
    from core.jobs.events import Counter

    job.work(folder.path, _pictures(arguments, "comparison"), settings, Counter(emit))


def import_model(folder: JobFolder, settings: Settings, emit: Emit, _: dict[str, Any]) -> None:
    """Build the serving files of an imported model."""
    from core.bundles import ImportedModel
    from core.jobs.events import Counter

    ImportedModel(folder.path).build(settings, Counter(emit))


def train(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Train, evaluate and export a run."""
    pictures = _pictures(arguments, "run")
    from core.pipeline import training_job
    from core.runs import Run

    start = arguments.get("start")
    training_job.train(
        Run(folder.path), pictures, settings, emit, start=None if start is None else Path(start)
    )


def _pictures(arguments: dict[str, Any], what: str) -> Path:
    pictures = Path(arguments["pictures"])
    if not pictures.is_dir():
        raise BadDataset(f"The pictures of this {what} are no longer here. Upload them again.")
    return pictures


WORK: dict[str, Work] = {
    "intake": intake,
    "prepare": prepare,
    "measure": measure,
    "compare": compare,
    "import": import_model,
    "train": train,
}


def work(folder: JobFolder, settings: Settings, watch: Emit | None = None) -> None:
    """Do the job ordered in a folder, in this process, and record how it ended.

    Args:
        watch: is told each event as well.

    Raises:
        TuskerError: why it was not done, as it now stands in the folder's status.
        KeyboardInterrupt, Stopped: they are recorded and passed on.
        Timeout: another process is at work in the folder.
    """

    def emit(event: Event) -> None:
        folder.events.append(event)
        if watch is not None:
            watch(event)
        if folder.cancel_requested:
            raise Cancelled(CANCELLED)
        if STOPPING.is_set():
            raise Stopped

    with folder.lock().acquire(timeout=LOCK_SECONDS):
        if folder.recorded().state is State.QUEUED and not folder.cancel_requested:
            folder.begin()
            try:
                order = folder.order()
                logger.info("%s begins", order.kind)
                WORK[order.kind](folder, settings, emit, order.arguments)
            except BaseException as error:
                _record(folder, error)
            else:
                folder.end(State.FINISHED)


def _record(folder: JobFolder, error: BaseException) -> None:
    """Say in the folder how the job ended, then raise what the caller is to know."""
    if isinstance(error, Cancelled | KeyboardInterrupt) or folder.cancel_requested:
        folder.end(State.CANCELLED, CANCELLED)
        ours = isinstance(error, Cancelled | KeyboardInterrupt | Stopped)
        raise error if ours else Cancelled(CANCELLED) from error
    if isinstance(error, Stopped) or STOPPING.is_set():
        raise Stopped from error  # whoever stopped the process knows why
    refusal = _refusal(error)
    folder.end(State.FAILED, str(refusal))
    raise refusal


def _refusal(error: BaseException) -> TuskerError:
    if isinstance(error, TuskerError):
        return error
    # A library that finds no room for itself cannot be imported.
    unmapped = isinstance(error, ImportError) and "failed to map" in str(error)
    if isinstance(error, MemoryError) or unmapped:
        return NotEnoughResources(
            "Memory ran out. Try a smaller batch, fewer views or a smaller backbone; the host can "
            f"raise {Settings.variable('worker_megabytes')} where it has more."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotEnoughResources("The disk is full. Delete runs that are no longer needed.")
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.EROFS):
        return NotEnoughResources(
            f"The disk of this host did not take what was written ({error.strerror}). Try again; "
            "if it happens again, the host should look at the disk."
        )
    logger.error("the job failed", exc_info=error)
    return TuskerError(SORRY)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    STOPPING.set()
    raise Stopped


def main(path: Path) -> int:
    """Do the job in a folder. Returns 0 if it was done, or if another process does it."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    folder = JobFolder(path)
    settings = settings_module.load()
    try:
        signal.signal(signal.SIGTERM, _stop)
        if settings.runner == "ray":
            threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
        work(folder, settings, _Diary())
    except Timeout:
        logger.warning("another process is at work on this job")
    except Stopped:
        logger.info("stopped")
        return STOPPED
    except TuskerError as refusal:
        logger.info("%s", refusal)
        return 1
    return 0


def _leave_with(parent: int) -> None:
    """Stop once the process that started this one is gone: the job is begun elsewhere then."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(STOPPED)


def _bound(allowed: int) -> None:
    """Give this process, and those that it starts, so many bytes of address space; 0: as many as
    they ask for."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if allowed and sys.platform == "linux":  # elsewhere the system ignores or refuses it
        ceiling = resource.getrlimit(resource.RLIMIT_AS)[1]
        if ceiling != resource.RLIM_INFINITY:
            allowed = min(allowed, ceiling)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, ceiling))


class _Diary:
    """Keeps in the log what began when, so that a crash can be placed."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, event: Event) -> None:
        what = getattr(event, "what", "") or getattr(event, "sentence", "")
        if what and what != self._last:
            self._last = what
            logger.info("%s", what)


if __name__ == "__main__":
    _bound(settings_module.load().worker_bytes)
    sys.exit(main(Path(sys.argv[1])))
