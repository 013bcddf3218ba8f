"""Strike a real training once, restart, and judge what is left of it."""

from __future__ import annotations

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
from benchmarks.fault_points import KILLS, PLAN, SEEN, STRUCK
from benchmarks.jobs import Taken
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
from tests.core.trainings import asked_for

Point = tuple[str, str, int, str]
"""Operation, name of what is written, its number from 1, and the moment."""
PATIENCE_SECONDS = 300.0
RECOVERY_SECONDS = 10.0
POLL_SECONDS = 0.05
SAME = 1e-6
"""Most that a probability of a resumed run may differ from the undisturbed one's."""


@dataclass(frozen=True)
class Fault:
    """What is done to a training, and where.

    Attributes:
        how: `kill` the worker, `stop` worker and dispatcher, a disk that is `full` or `broken`.
        lasting: whether the disk goes on to refuse.
        exports: whether the point comes after the report.
        delay: seconds after the point, where its moment is `later`.
    """

    how: str
    point: Point
    lasting: bool = False
    exports: bool = False
    delay: float = 0.0

    def __str__(self) -> str:
        operation, name, number, moment = self.point
        return f"{self.how}{' for good' * self.lasting} {moment} {operation} {number} of {name}"


@dataclass(frozen=True)
class Outcome:
    """What became of a training that was struck.

    Attributes:
        reached: whether it came to the point at all.
        state: how it stood after the restart; `complete` where its report stands.
        seconds: from the restart until it stood so.
        troubles: what was asked of it and is not so.
        resumed: whether it went on to the end.
        difference: largest of its probabilities then, to those of an undisturbed run.
    """

    fault: Fault
    reached: bool
    state: str = ""
    seconds: float = 0.0
    troubles: tuple[str, ...] = ()
    resumed: bool = False
    difference: float | None = None


@dataclass(frozen=True)
class Bench:
    """A home with a finished run, and an order that is given again and again.

    Attributes:
        root: holds all of it.
        whole: the run that nobody disturbed.
        points: operations of that run, in their order: (operation, name, number).
    """

    root: Path
    settings: Settings
    taken: Taken
    config: TrainingConfig
    whole: Run
    points: tuple[tuple[str, str, int], ...]

    def order(self) -> Run:
        """A new run, in its queue; its pictures are unknown to the cache."""
        # A dispatcher of the last trial would start the worker, and knows no plan.
        lane = Queue("train", self.settings)
        until(lambda: not lane.tickets() and not lane.held)
        shutil.rmtree(self.taken.pictures.parent / "features", ignore_errors=True)
        run = runs.create(self.config, self.taken.dataset, runs.new_path(self.settings))
        enqueue(run.path, runs.order(self.taken.pictures), self.settings)
        return run


def lay_out(
    root: Path, preset: str, *, exports: bool, prepared: Path | None = None, **values: object
) -> Bench:
    """Prepare a home, take pictures in, and train once undisturbed.

    Args:
        exports: whether that run goes on until its files to take away are made.
        prepared: home in which the tiny backbone is prepared already.
        values: settings that are not those of the preset.
    """
    root = root.resolve()
    settings = host.load().model_copy(update={"home": root / "home", "mode": "public"})
    if prepared is not None:
        shutil.copytree(prepared, settings.home)
    else:
        settings.home.mkdir(parents=True)
        jobs.prepare("tiny", settings)
    source = shapes.shapes_zip(root, classes=3, per_class=14)
    taken = jobs.take_in(source, root / "upload", settings)
    bench = Bench(root, settings, taken, asked_for(preset, **values), Run(root), ())
    with planned(root, WORKER, {"how": "watch"}) as folder:
        whole = bench.order()
        until(lambda: ended(whole, settings) or (whole.complete and not exports))
        _stop(whole, settings)
        points = tuple(tuple(json.loads(line)) for line in (folder / SEEN).open())
    assert whole.complete, whole.job.log_tail()
    return replace(bench, whole=whole, points=points)


def tried(bench: Bench, fault: Fault) -> Outcome:
    """Strike a new run once, restart, judge, and let it go on."""
    settings = bench.settings
    plan = {"how": fault.how, "point": list(fault.point), "lasting": fault.lasting}
    with planned(bench.root, WORKER, plan | {"delay": fault.delay}) as folder:
        run = bench.order()
        struck = folder / STRUCK

        def over() -> bool:
            fell = fault.how in KILLS and struck.exists() and not run.job.worker_alive
            return fell or ended(run, settings) or (run.complete and not fault.exports)

        until(over)
        reached = struck.exists()
    if not reached:
        _stop(run, settings)
        return Outcome(fault, reached=False)
    seconds = restarted(run, settings)
    line = runs.summarise(run, settings)
    troubles = list(judged(bench, run, fault, seconds))
    state = "complete" if line.complete else line.state.value
    if line.complete or line.damaged:
        _stop(run, settings)
        return Outcome(fault, True, state, seconds, tuple(troubles))
    if line.state.ended:
        try:
            resuming.resume(run, settings)
        except TuskerError as refusal:
            troubles.append(f"it is not let go on: {refusal}")
    until(lambda: run.complete or ended(run, settings))
    _stop(run, settings)
    if not run.complete:
        troubles.append(f"it did not go on: {run.job.recorded().sentence} {run.job.log_tail(5)}")
        return Outcome(fault, True, state, seconds, tuple(troubles))
    difference = float(np.abs(run.probabilities() - bench.whole.probabilities()).max())
    if difference > SAME or run.report().accuracy != bench.whole.report().accuracy:
        troubles.append(f"its report is another: probabilities differ by {difference:.2g}")
    return Outcome(fault, True, state, seconds, tuple(troubles), True, difference)


def restarted(run: Run, settings: Settings) -> float:
    """Start the queues again. Returns the seconds until the run stands as it will."""
    began = time.monotonic()
    recover(settings)
    until(lambda: ended(run, settings) or goes_on(run, settings))
    return time.monotonic() - began


def judged(bench: Bench, run: Run, fault: Fault, seconds: float) -> Iterator[str]:
    """Whatever is wrong with a run after the restart, in a sentence each."""
    settings, line = bench.settings, runs.summarise(run, bench.settings)
    if seconds > RECOVERY_SECONDS:
        yield f"recovery took {seconds:.1f} s"
    if line.damaged:
        yield "it is listed as damaged"
    elif line.complete:
        yield from unusable(run, bench)
    elif line.state.ended:
        status = run.status(settings)
        if line.accuracy is not None:
            yield "half a report is listed"
        if fault.how in KILLS and status.state is not State.INTERRUPTED:
            yield f"it is not said to be interrupted, but {status.state}"
        if not resuming.resumable(run, settings):
            yield "it cannot go on"
        if len(status.sentence) < 10 or status.sentence == SORRY:
            yield f"it does not say why: {status.sentence!r}"
    yield from (f"the earlier run is lost: {why}" for why in unusable(bench.whole, bench))


def unusable(run: Run, bench: Bench) -> Iterator[str]:
    """Why a finished run cannot be read and asked, if it cannot."""
    if not runs.summarise(run, bench.settings).complete:
        yield "it is not listed as finished"
        return
    try:
        run.report()
        classifier = run.classifier(bench.settings)
        picture = bench.taken.pictures / run.dataset().of("test")[0].path
        said = classifier.answer(classifier.load(picture)).probabilities
        if not np.allclose(said, run.probabilities()[0], atol=1e-4):
            yield "it answers otherwise than its report says"
    except (TuskerError, OSError, ValueError) as error:
        yield str(error)


def goes_on(run: Run, settings: Settings) -> bool:
    """Whether somebody is at work on a run by itself, as on one that was struck in the queue.

    The lock alone does not tell: whoever is about to say that it was interrupted holds it too.
    """
    waits = run.job.recorded().state is State.QUEUED and Queue("train", settings).held
    return waits or (run.job.worker_alive and bool(at_work.processes(settings, "worker")))


def ended(run: Run, settings: Settings) -> bool:
    """Whether nothing more will happen to a run by itself."""
    return run.status(settings).state.ended


def _stop(run: Run, settings: Settings) -> None:
    """Stop a run at work and wait until it is."""
    cancel(run.job, settings)
    until(lambda: ended(run, settings) and not run.job.worker_alive)


@contextmanager
def planned(root: Path, module: str, plan: dict[str, object]) -> Iterator[Path]:
    """Have each process of a module that is started in the block struck as planned.

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


def until(happened: Callable[[], object]) -> None:
    """Wait for something to be true.

    Raises:
        TimeoutError: it is not for minutes.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("a training did neither go on nor end")
        time.sleep(POLL_SECONDS)
