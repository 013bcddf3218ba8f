"""Train as the app does: in a fresh worker process and a home of its own, watched from outside."""

from __future__ import annotations

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
from core.commands import arguments
from core.dataset import Dataset
from core.errors import TuskerError
from core.jobs.events import EXPORTS_BEGIN
from core.jobs.folder import Order, State
from core.jobs.workers import ROOT, WORKER, worker_environment
from core.runs.run import Run
from core.settings import Settings
from core.training.config import TrainingConfig

POLL_SECONDS = 0.01
LINKED = ("backbones", "weights")
MEASURED = "measurements.json"

Watch = Callable[[int, bool], None]
"""Is told the worker's process id and whether the model is scored, every few milliseconds."""


@dataclass(frozen=True)
class Taken:
    """Pictures that were taken in, with their classes."""

    dataset: Dataset
    pictures: Path


@dataclass(frozen=True)
class Trained:
    """A finished run, and when what happened, in seconds since its process was started.

    Attributes:
        first_event: the work proper began; before it was the start of the process.
        scored: the manifest was there: the model can be used and its report read.
        exporting: the files to take away were begun, or the process was gone without.
        ended: the exports were made and the process was gone.
        began: the start itself, in seconds since 1970.
    """

    run: Run
    first_event: float
    scored: float
    exporting: float
    ended: float
    began: float

    @property
    def worked(self) -> float:
        """Seconds to a scored model without the start of the process."""
        return self.scored - self.first_event


def take_in(source: Path, folder: Path, settings: Settings) -> Taken:
    """Take in a zip or a folder, leaving out whatever would keep it from being learned from."""
    try:
        taken = intake.take_in(source, source.stem, folder, settings)
        whole = arguments.unblocked(taken, folder, lambda _sentence: None)
    except TuskerError as refusal:
        raise SystemExit(str(refusal)) from refusal
    return Taken(whole.dataset, intake.pictures(folder))


def new_home(path: Path, prepared: Path | None = None, **limits: int) -> Settings:
    """A home of its own that shares with `prepared` only what a machine pays for once.

    That is the prepared backbones, their weights, and what was measured of this machine;
    features and runs are its own.

    Args:
        path: of a folder that is not there yet.
        limits: settings by name that are to be at least this; the environment may allow more.
    """
    path.mkdir(parents=True)
    if prepared is not None:
        for name in LINKED:
            (prepared / name).mkdir(exist_ok=True)
            (path / name).symlink_to(prepared / name, target_is_directory=True)
        if (prepared / MEASURED).is_file():
            shutil.copy(prepared / MEASURED, path / MEASURED)
    # In public mode, features would lie beside the pictures, which the trainings share.
    settings = host.load().model_copy(update={"home": path, "mode": "personal"})
    raised = {name: max(getattr(settings, name), value) for name, value in limits.items()}
    return settings.model_copy(update=raised)


def start(module: str, *typed: str, settings: Settings, **streams: Any) -> Any:
    """Start a program of the project in a process of its own, as the app starts a worker.

    Returns:
        A `subprocess.Popen` in text mode.
    """
    scratch = settings.home / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", module, *typed],
        cwd=ROOT,
        env=worker_environment(settings) | {"TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        text=True,
        **streams,
    )


def said(module: str, *typed: str, settings: Settings) -> str:
    """What a program of the project prints; the benchmark ends if it fails."""
    process = start(
        module, *typed, settings=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = process.communicate()
    finally:
        process.kill()
    if process.returncode:
        raise SystemExit(f"{module} failed: {err.strip()[-2000:]}")
    return str(out)


def prepare(backbone: str, settings: Settings, *, random: bool = False) -> None:
    """Get a backbone ready in a home, with random weights if the published ones cannot be had."""
    if random:
        said("benchmarks.weights", backbone, settings=settings)
    said("core", "prepare", backbone, settings=settings)


def train(
    taken: Taken, config: TrainingConfig, settings: Settings, watch: Watch | None = None
) -> Trained:
    """Order a training, start a worker on it, and stay until it is gone."""
    run = runs.create(config, taken.dataset, runs.new_path(settings))
    run.job.open(Order(kind="train", arguments={"pictures": str(taken.pictures)}))
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
    events = run.events()
    exporting = next((e.at for e in events if getattr(e, "sentence", "") == EXPORTS_BEGIN), ended)
    return Trained(
        run=run,
        first_event=events[0].at - began,
        scored=scored - began,
        exporting=exporting - began,
        ended=ended - began,
        began=began,
    )


def keep_measurements(settings: Settings, prepared: Path) -> None:
    """Let the homes that follow know what a training has measured of this machine."""
    if (settings.home / MEASURED).is_file():
        shutil.copy(settings.home / MEASURED, prepared / MEASURED)
