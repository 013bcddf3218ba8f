"""A training that broke off goes on, once, and ends as it would have ended."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import jobs, runs
from core.backbones import Backbone
from core.errors import BadDataset, BadInput, LimitExceeded
from core.jobs import State
from core.jobs.queue import Queue
from core.runs import resuming
from core.runs.run import Run
from core.settings import Settings
from tests.core.trainings import ImportedDataset, TrainedRun, tiny_config


@pytest.fixture(autouse=True)
def no_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs stay in their queue."""
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)


@pytest.fixture
def interrupted(shapes_dataset: ImportedDataset, settings: Settings) -> Run:
    """A run that was interrupted in the middle of its report."""
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    run.job.open(runs.training_spec(shapes_dataset.pictures))
    run.job.begin()
    run.write_thumbnails([b"half"])
    run.annotate(lambda annotations: annotations.named("Mine"))
    (run.path / "report.json").write_text("{")
    run.job.checkpoint.write_bytes(b"kept")
    return run


def test_a_resumed_run_is_queued_as_the_same_job_and_keeps_its_annotations(
    interrupted: Run, settings: Settings
) -> None:
    run_config, dataset, spec = interrupted.config(), interrupted.dataset(), interrupted.job.spec()
    assert resuming.resumable(interrupted, settings)
    resuming.resume(interrupted, settings, by="a" * 32)
    assert interrupted.status(settings).state is State.QUEUED
    assert (interrupted.config(), interrupted.dataset()) == (run_config, dataset)
    assert interrupted.job.spec() == spec
    assert interrupted.title == "Mine"
    assert not (interrupted.path / "report.json").exists()
    assert not (interrupted.path / "thumbnails").exists()
    assert interrupted.job.checkpoint.read_bytes() == b"kept"
    assert not resuming.resumable(interrupted, settings)


def test_concurrent_requests_resume_a_run_once(
    interrupted: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, requested = threading.Barrier(4), []
    assert interrupted.status(settings).state is State.INTERRUPTED

    def enqueue(*arguments: object, **options: object) -> None:
        requested.append(arguments)
        time.sleep(0.2)  # so that the others come meanwhile
        jobs.enqueue(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(resuming, "enqueue", enqueue)

    def press() -> None:
        barrier.wait()
        resuming.resume(Run(interrupted.path), settings)

    tabs = [threading.Thread(target=press) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert len(requested) == len(Queue("train", settings).tickets()) == 1


def test_a_run_without_its_pictures_cannot_be_resumed(
    interrupted: Run, settings: Settings, tmp_path: Path
) -> None:
    interrupted.job.open(runs.training_spec(tmp_path / "gone"))
    interrupted.job.end(State.INTERRUPTED)
    assert not resuming.resumable(interrupted, settings)
    with pytest.raises(BadDataset, match=r"no longer here.*2 hours.*Upload them again"):
        resuming.resume(interrupted, settings)
    assert interrupted.status(settings).state is State.INTERRUPTED


def test_a_locked_run_cannot_be_resumed_yet(
    interrupted: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "PATIENCE_SECONDS", 0.1)
    assert interrupted.status(settings).state is State.INTERRUPTED
    with interrupted.job.lock(), pytest.raises(BadInput, match="Try again in a few seconds"):
        resuming.resume(interrupted, settings)
    assert resuming.resumable(interrupted, settings)


def test_a_run_can_be_resumed_after_the_queue_was_full(
    interrupted: Run, settings: Settings
) -> None:
    full = settings.model_copy(update={"queue_length": 1})
    Queue("train", full).add(_waiting(interrupted, full))
    with pytest.raises(LimitExceeded):
        resuming.resume(interrupted, full)
    assert resuming.resumable(interrupted, settings)


def _waiting(original: Run, settings: Settings) -> Path:
    second = runs.create(original.config(), original.dataset(), runs.new_path(settings))
    second.job.open(original.job.spec())
    return second.path


def test_a_finished_run_is_not_resumed(
    trained_run: Callable[..., TrainedRun], settings: Settings
) -> None:
    run = trained_run("quick").run
    run.job.open(runs.training_spec(Path("pictures")))
    run.job.end(State.INTERRUPTED)
    before = run.probabilities()
    with pytest.raises(BadInput, match="has its report"):
        resuming.resume(run, settings)
    assert np.array_equal(run.probabilities(), before)


def test_a_run_that_was_never_queued_is_interrupted(
    shapes_dataset: ImportedDataset, settings: Settings, tiny: Backbone
) -> None:
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    line = runs.summarise(run, settings)
    assert (line.state, line.damaged) == (State.INTERRUPTED, False)
    assert run.status(settings).sentence.startswith("It was interrupted before")
