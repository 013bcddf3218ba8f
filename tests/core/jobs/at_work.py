"""Queue real jobs and watch their processes."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from core import intake, runs
from core.backbones import get, serving
from core.jobs import JobFolder, enqueue, scheduling
from core.jobs.folder import JobSpec, Status
from core.jobs.workers import WORKER
from core.runs import Run
from core.settings import Settings
from core.training import config
from tests import shapes

PATIENCE = 120.0
"""Seconds after which a test fails; on a busy machine a worker takes long to start."""
LOOK_SECONDS = 1.0
"""Between two looks at a status: each look at an unattended job may start a dispatcher."""


def wait_until(condition: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + within
    began = time.monotonic()
    while not condition():
        checked_at = time.monotonic()
        assert checked_at < deadline, "it did not happen in time"
        # A condition that takes long to check must not take the processor from what it waits for.
        time.sleep(min(max(0.02, checked_at - began), 0.1))
        began = time.monotonic()


def wait_until_ended(job: JobFolder, settings: Settings, *, within: float = PATIENCE) -> Status:
    """Wait until a job has ended. Returns its status."""
    looked_at = -LOOK_SECONDS

    def ended() -> bool:
        nonlocal looked_at
        if time.monotonic() > looked_at + LOOK_SECONDS:
            looked_at = time.monotonic()
            scheduling.status(job, settings)
        return job.recorded().state.ended

    wait_until(ended, within=within)
    return job.recorded()


def processes(settings: Settings, module: str = "") -> list[psutil.Process]:
    """The running dispatchers and workers of a home, parents first.

    Args:
        module: `dispatch` or `worker` for only those.
    """
    names = [*scheduling.DISPATCHERS.values(), WORKER]
    names = [name for name in names if name.rpartition(".")[2].startswith(module)]
    running = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if not any(name in command for name in names):
                continue
            of_home = process.environ().get("TUSKER_HOME") == str(settings.home)
            if of_home and is_alive(process):
                running.append(process)
    return sorted(running, key=lambda process: process.create_time())


def only_process(settings: Settings, module: str) -> psutil.Process:
    """The only process of a module."""
    (process,) = processes(settings, module)
    return process


def kill(*victims: psutil.Process) -> None:
    """Send SIGKILL and wait until the processes have ended."""
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            victim.kill()
    wait_until(lambda: not any(is_alive(victim) for victim in victims))


def is_alive(process: psutil.Process) -> bool:
    """Whether a process is running, and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def killing_processes(settings: Settings) -> Iterator[None]:
    """Kill the processes of a home after the block."""
    try:
        yield
    finally:
        kill(*processes(settings))


def hidden_files(folder: Path) -> list[Path]:
    """Half-written files and folders."""
    return list(folder.rglob(".*"))


def intake_spec(source: Path) -> JobSpec:
    """The specification of a job that imports a zip."""
    return JobSpec(kind="intake", arguments={"source": str(source), "name": "shapes"})


def enqueue_intake(settings: Settings, name: str, source: Path) -> JobFolder:
    """Queue the import of a zip."""
    return enqueue(settings.home / "uploads" / name, intake_spec(source), settings)


def enqueue_stalled_preparation(settings: Settings) -> JobFolder:
    """Queue the preparation of ResNet50, which never ends on an `unresponsive_network`."""
    spec = JobSpec(kind="prepare", arguments={"backbone": "resnet50"})
    return enqueue(serving.folder_of(get("resnet50"), settings), spec, settings)


def create_run(settings: Settings, pictures: Path, **options: object) -> Run:
    """A new run that is not queued, on shapes that are imported to `pictures`."""
    if not (pictures / intake.FILE).is_file():
        pictures.mkdir(parents=True)
        intake.ingest(shapes.shapes_zip(pictures), "Shapes", pictures, settings)
    dataset = intake.load(pictures).dataset
    return runs.create(config.parse(options), dataset, runs.new_path(settings))


def enqueue_training(settings: Settings, pictures: Path, **options: object) -> Run:
    """Queue a training."""
    run = create_run(settings, pictures, **options)
    arguments = {"pictures": str(intake.pictures(pictures))}
    enqueue(run.path, JobSpec(kind="train", arguments=arguments), settings)
    return run


def has_event(job: JobFolder, text: str) -> bool:
    """Whether one of the job's events contains a text."""
    return any(text in event.model_dump_json() for event in job.events.read())
