"""Inject one fault into a real training, restart, and check the run."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import fault_points, jobs
from benchmarks.fault_points import INJECTED, KILLS, PLAN, SEEN
from benchmarks.jobs import ImportedDataset
from core import runs
from core import settings as host
from core.errors import TuskerError
from core.jobs import State, cancel, enqueue, recover
from core.jobs.queue import Queue
from core.jobs.workers import WORKER
from core.pipeline.worker import SORRY
from core.runs import resuming
from core.runs.run import Run
from core.settings import Settings
from core.training.config import TrainingConfig
from tests import shapes
from tests.core.jobs import at_work
from tests.core.trainings import tiny_config

Point = tuple[str, str, int, str]
"""Operation, name of the file, number from 1, and moment."""
PATIENCE_SECONDS = 300.0
RECOVERY_SECONDS = 10.0
POLL_SECONDS = 0.05
SAME = 1e-6
"""Maximum difference of a probability between a resumed run and one without faults."""


@dataclass(frozen=True)
class Fault:
    """A fault and where it is injected.

    Attributes:
        how: `kill` the worker, `stop` worker and dispatcher, a disk that is `full` or `broken`.
        lasting: whether all later writes fail too.
        exports: whether the point comes after the report.
        delay: seconds after the point, if its moment is `later`.
    """

    how: str
    point: Point
    lasting: bool = False
    exports: bool = False
    delay: float = 0.0

    def __str__(self) -> str:
        operation, name, number, moment = self.point
        return f"{self.how}{' (lasting)' * self.lasting} {moment} {operation} {number} of {name}"


@dataclass(frozen=True)
class Outcome:
    """The result of one fault.

    Attributes:
        reached: whether the training reached the point.
        state: after the restart; `complete` if the report is there.
        seconds: from the restart until that state.
        troubles: checks that failed.
        resumed: whether the run was resumed to its end.
        difference: largest difference of a probability to the run without faults.
    """

    fault: Fault
    reached: bool
    state: str = ""
    seconds: float = 0.0
    troubles: tuple[str, ...] = ()
    resumed: bool = False
    difference: float | None = None


@dataclass(frozen=True)
class Trial:
    """A home with a finished run, and the training that is repeated with faults.

    Attributes:
        root: folder of everything.
        reference: the run without faults.
        points: its operations in order: (operation, name, number).
    """

    root: Path
    settings: Settings
    imported: ImportedDataset
    config: TrainingConfig
    reference: Run
    points: tuple[tuple[str, str, int], ...]

    def order(self) -> Run:
        """Queue a new run; the feature cache is empty."""
        # A dispatcher of the last trial would start the worker without the plan.
        queue = Queue("train", self.settings)
        until(lambda: not queue.tickets() and not queue.held)
        shutil.rmtree(self.imported.pictures.parent / "features", ignore_errors=True)
        run = runs.create(self.config, self.imported.dataset, runs.new_path(self.settings))
        enqueue(run.path, runs.training_spec(self.imported.pictures), self.settings)
        return run


def set_up(
    root: Path, preset: str, *, exports: bool, prepared: Path | None = None, **values: object
) -> Trial:
    """Create a home, import pictures, and train once without faults.

    Args:
        exports: whether that run also builds its exports.
        prepared: a home with the tiny backbone.
        values: settings that override the preset.
    """
    root = root.resolve()
    settings = host.load().model_copy(update={"home": root / "home", "mode": "public"})
    if prepared is not None:
        shutil.copytree(prepared, settings.home)
    else:
        settings.home.mkdir(parents=True)
        jobs.prepare("tiny", settings)
    source = shapes.shapes_zip(root, classes=3, per_class=14)
    imported = jobs.take_in(source, root / "upload", settings)
    trial = Trial(root, settings, imported, tiny_config(preset, **values), Run(root), ())
    with planned(root, WORKER, {"how": "watch"}) as folder:
        reference = trial.order()
        until(lambda: ended(reference, settings) or (reference.complete and not exports))
        _stop(reference, settings)
        points = tuple(tuple(json.loads(line)) for line in (folder / SEEN).open())
    assert reference.complete, reference.job.log_tail()
    return replace(trial, reference=reference, points=points)


def inject(trial: Trial, fault: Fault) -> Outcome:
    """Train with a fault, restart, check the run, and resume it."""
    settings = trial.settings
    plan = {"how": fault.how, "point": list(fault.point), "lasting": fault.lasting}
    with planned(trial.root, WORKER, plan | {"delay": fault.delay}) as folder:
        run = trial.order()
        injected = folder / INJECTED

        def over() -> bool:
            killed = fault.how in KILLS and injected.exists() and not run.job.worker_alive
            return killed or ended(run, settings) or (run.complete and not fault.exports)

        until(over)
        reached = injected.exists()
    if not reached:
        _stop(run, settings)
        return Outcome(fault, reached=False)
    seconds = restart(run, settings)
    line = runs.summarise(run, settings)
    troubles = list(check(trial, run, fault, seconds))
    state = "complete" if line.complete else line.state.value
    if line.complete or line.damaged:
        _stop(run, settings)
        return Outcome(fault, True, state, seconds, tuple(troubles))
    if line.state.ended:
        try:
            resuming.resume(run, settings)
        except TuskerError as error:
            troubles.append(f"it cannot be resumed: {error}")
    until(lambda: run.complete or ended(run, settings))
    _stop(run, settings)
    if not run.complete:
        troubles.append(
            f"the resumed run failed: {run.job.recorded().sentence} {run.job.log_tail(5)}"
        )
        return Outcome(fault, True, state, seconds, tuple(troubles))
    difference = float(np.abs(run.probabilities() - trial.reference.probabilities()).max())
    if difference > SAME or run.report().accuracy != trial.reference.report().accuracy:
        troubles.append(f"its report differs: probabilities differ by {difference:.2g}")
    return Outcome(fault, True, state, seconds, tuple(troubles), True, difference)


def restart(run: Run, settings: Settings) -> float:
    """Restart the queues. Returns the seconds until the run has ended or continues."""
    began = time.monotonic()
    recover(settings)
    until(lambda: ended(run, settings) or continues(run, settings))
    return time.monotonic() - began


def check(trial: Trial, run: Run, fault: Fault, seconds: float) -> Iterator[str]:
    """Yield a sentence for each check that the run fails after the restart."""
    settings, line = trial.settings, runs.summarise(run, trial.settings)
    if seconds > RECOVERY_SECONDS:
        yield f"recovery took {seconds:.1f} s"
    if line.damaged:
        yield "it is listed as damaged"
    elif line.complete:
        yield from unusable(run, trial)
    elif line.state.ended:
        status = run.status(settings)
        if line.accuracy is not None:
            yield "an incomplete report is listed"
        if fault.how in KILLS and status.state is not State.INTERRUPTED:
            yield f"its state is {status.state}, not interrupted"
        if not resuming.resumable(run, settings):
            yield "it cannot be resumed"
        if len(status.sentence) < 10 or status.sentence == SORRY:
            yield f"it gives no reason: {status.sentence!r}"
    yield from (f"the earlier run is lost: {why}" for why in unusable(trial.reference, trial))


def unusable(run: Run, trial: Trial) -> Iterator[str]:
    """Yield reasons why a finished run cannot be read and used for predictions."""
    if not runs.summarise(run, trial.settings).complete:
        yield "it is not listed as finished"
        return
    try:
        run.report()
        classifier = run.classifier(trial.settings)
        picture = trial.imported.pictures / run.dataset().of("test")[0].path
        probabilities = classifier.answer(classifier.load(picture)).probabilities
        if not np.allclose(probabilities, run.probabilities()[0], atol=1e-4):
            yield "its predictions differ from its report"
    except (TuskerError, OSError, ValueError) as error:
        yield str(error)


def continues(run: Run, settings: Settings) -> bool:
    """Whether a run continues by itself, as one that was hit while queued.

    The lock is no proof: a process that records an interruption holds it too.
    """
    queued = run.job.recorded().state is State.QUEUED and Queue("train", settings).held
    return queued or (run.job.worker_alive and bool(at_work.processes(settings, "worker")))


def ended(run: Run, settings: Settings) -> bool:
    """Whether a run has ended."""
    return run.status(settings).state.ended


def _stop(run: Run, settings: Settings) -> None:
    """Cancel a run and wait until it has ended."""
    cancel(run.job, settings)
    until(lambda: ended(run, settings) and not run.job.worker_alive)


@contextmanager
def planned(root: Path, module: str, plan: dict[str, object]) -> Iterator[Path]:
    """Inject the planned fault into each process of a module that is started in the block.

    Yields:
        The plan's folder.
    """
    folder = root / "plan"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(fault_points.__file__, folder / "sitecustomize.py")
    (folder / PLAN).write_text(json.dumps({"root": str(root), "module": module} | plan))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder)
    try:
        yield folder
    finally:
        (folder / PLAN).unlink()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not hold within five minutes.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("a training neither continued nor ended")
        time.sleep(POLL_SECONDS)
