"""Watch the processes of a queue, and stop no others."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from core import intake, runs
from core.backbones import get, serving
from core.jobs import JobFolder, enqueue, scheduling
from core.jobs.folder import Order, Status
from core.jobs.workers import WORKER
from core.runs import Run
from core.settings import Settings
from core.training import config
from tests import shapes

PATIENCE = 60.0
"""Seconds after which a test gives up; on a busy machine a worker takes long to start."""


def until(happened: Callable[[], object], *, within: float = PATIENCE) -> float:
    """Wait for something to be true. Returns the seconds it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < within, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - began


def ended(job: JobFolder, settings: Settings, *, within: float = PATIENCE) -> Status:
    """Wait for a job's end. Returns how it ended."""
    until(lambda: scheduling.status(job, settings).state.ended, within=within)
    return job.recorded()


def processes(settings: Settings, module: str = "") -> list[psutil.Process]:
    """Living dispatchers and workers of a home, the parents before their children.

    Args:
        module: `dispatch` or `worker` for those alone.
    """
    modules = [*scheduling.DISPATCHERS.values(), WORKER]
    wanted = [name for name in modules if name.rpartition(".")[2].startswith(module)]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if not any(name in command for name in wanted):
                continue
            mine = process.environ().get("TUSKER_HOME") == str(settings.home)
            if mine and lives(process):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def only(settings: Settings, module: str) -> psutil.Process:
    """The one process of that module."""
    (process,) = processes(settings, module)
    return process


def kill(*victims: psutil.Process) -> None:
    """As `kill -9` does, and wait until they are gone."""
    for victim in victims:
        victim.kill()
    until(lambda: not any(lives(victim) for victim in victims))


def lives(process: psutil.Process) -> bool:
    """Whether a process is more than a zombie, which waits for its parent to look at it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def tidied(settings: Settings) -> Iterator[None]:
    """Leave no process of this home behind."""
    try:
        yield
    finally:
        kill(*processes(settings))


def hidden(folder: Path) -> list[Path]:
    """What is half-written in a folder."""
    return list(folder.rglob(".*"))


def some_intake(settings: Settings, name: str, source: Path) -> JobFolder:
    """Have a zip taken in, in a folder of the uploads."""
    order = Order(kind="intake", arguments={"source": str(source), "name": name})
    return enqueue(settings.home / "uploads" / name, order, settings)


def stalled_preparation(settings: Settings) -> JobFolder:
    """Have ResNet50 prepared, whose weights do not come where the network is `stalled`."""
    row = get("resnet50")
    order = Order(kind="prepare", arguments={"backbone": row.name})
    return enqueue(serving.kept_in(row, settings), order, settings)


def some_run(settings: Settings, pictures: Path, **asked: object) -> Run:
    """A run that nobody has ordered yet, on shapes that are taken in to `pictures`."""
    if not (pictures / intake.FINDINGS).is_file():
        pictures.mkdir(parents=True)
        intake.take_in(shapes.shapes_zip(pictures), "Shapes", pictures, settings)
    found = intake.load(pictures)
    return runs.create(config.parse(asked), found.dataset, runs.new_path(settings))


def training(settings: Settings, pictures: Path, **asked: object) -> Run:
    """Have a run trained."""
    run = some_run(settings, pictures, **asked)
    where = {"pictures": str(intake.pictures(pictures))}
    enqueue(run.path, Order(kind="train", arguments=where), settings)
    return run


def said(job: JobFolder, text: str) -> bool:
    """Whether the job has said something with this text in it."""
    return any(text in event.model_dump_json() for event in job.events.read())
