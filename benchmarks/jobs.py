"""Import pictures, prepare backbones and train as the app does, in new processes and homes."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import intake, runs
from core import settings as host
from core.commands import arguments as command_arguments
from core.dataset import Dataset
from core.errors import TuskerError
from core.jobs.folder import JobSpec, State
from core.jobs.workers import ROOT, WORKER, worker_environment
from core.runs.run import Run
from core.settings import Settings
from core.training.config import TrainingConfig

POLL_SECONDS = 0.01
LINKED = ("backbones", "weights")
MEASURED = "unit_costs.json"

Watch = Callable[[int, bool], None]
"""Called every few milliseconds with the worker's process id and whether the report exists."""


@dataclass(frozen=True)
class ImportedDataset:
    """Imported pictures, with their classes."""

    dataset: Dataset
    pictures: Path


@dataclass(frozen=True)
class Trained:
    """A finished run, with times in seconds since its process was started.

    Attributes:
        first_event: the process had started and the job began.
        scored: the model was evaluated and the report written.
        ended: the steps after the report were done and the process ended.
        began: the start of the process, in seconds since 1970.
    """

    run: Run
    first_event: float
    scored: float
    ended: float
    began: float

    @property
    def worked(self) -> float:
        """Seconds to an evaluated model without the start of the process."""
        return self.scored - self.first_event


def take_in(source: Path, folder: Path, settings: Settings) -> ImportedDataset:
    """Import a zip or a folder, without the files and classes that block a training."""
    try:
        ingested = intake.ingest(source, source.stem, folder, settings)
        unblocked = command_arguments.unblocked(ingested, folder, settings, lambda _sentence: None)
    except TuskerError as error:
        raise SystemExit(str(error)) from error
    return ImportedDataset(unblocked.dataset, intake.pictures(folder))


def new_home(path: Path, prepared: Path | None = None, **limits: int) -> Settings:
    """Create a `TUSKER_HOME` that shares backbones, weights and measurements of the machine.

    Args:
        path: of the new folder.
        prepared: the home to share with.
        limits: minimum values of settings; the environment may allow more.
    """
    path.mkdir(parents=True)
    if prepared is not None:
        for name in LINKED:
            (prepared / name).mkdir(exist_ok=True)
            (path / name).symlink_to(prepared / name, target_is_directory=True)
        if (prepared / MEASURED).is_file():
            shutil.copy(prepared / MEASURED, path / MEASURED)
    # In public mode the trainings would share the features, which are stored with the pictures.
    settings = host.load().model_copy(update={"home": path, "mode": "personal"})
    raised = {name: max(getattr(settings, name), value) for name, value in limits.items()}
    return settings.model_copy(update=raised)


def start(module: str, *arguments: str, settings: Settings, **streams: Any) -> Any:
    """Start a module as a process, as the app starts a worker.

    Returns:
        A `subprocess.Popen` in text mode.
    """
    scratch = settings.home / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=worker_environment(settings) | {"TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        text=True,
        **streams,
    )


def run(module: str, *arguments: str, settings: Settings) -> str:
    """Run a module as a process and return its output; exit if it fails."""
    process = start(
        module, *arguments, settings=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = process.communicate()
    finally:
        process.kill()
    if process.returncode:
        raise SystemExit(f"{module} failed: {err.strip()[-2000:]}")
    return str(out)


def prepare(backbone: str, settings: Settings, *, random: bool = False) -> None:
    """Prepare a backbone in a home, optionally with random weights."""
    if random:
        run("benchmarks.weights", backbone, settings=settings)
    run("core", "prepare", backbone, settings=settings)


def train(
    imported: ImportedDataset,
    config: TrainingConfig,
    settings: Settings,
    watch: Watch | None = None,
) -> Trained:
    """Train a run in a worker process and wait until it has ended."""
    run = runs.create(config, imported.dataset, runs.new_path(settings))
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(imported.pictures)}))
    scored: float | None = None
    with run.job.log_path.open("ab") as log:
        began = time.time()
        worker = start(WORKER, str(run.path), settings=settings, stdout=log, stderr=log)
        try:
            while worker.poll() is None:
                if scored is None and run.complete:
                    scored = time.time()
                if watch is not None:
                    watch(worker.pid, scored is not None)
                time.sleep(POLL_SECONDS)
        finally:
            worker.kill()
    ended = time.time()
    status = run.job.recorded()
    if status.state is not State.FINISHED or scored is None:
        raise SystemExit(f"{config.preset} failed: {status.sentence}\n{run.job.log_tail()}")
    return Trained(
        run=run,
        first_event=run.events()[0].at - began,
        scored=scored - began,
        ended=ended - began,
        began=began,
    )


def keep_measurements(settings: Settings, prepared: Path) -> None:
    """Copy a training's measurements of this machine to the home that later trainings share."""
    if (settings.home / MEASURED).is_file():
        shutil.copy(settings.home / MEASURED, prepared / MEASURED)
