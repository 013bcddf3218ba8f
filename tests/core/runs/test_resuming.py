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
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is ordered stays in its queue."""
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)


@pytest.fixture
def broken_off(shapes_dataset: ImportedDataset, settings: Settings) -> Run:
    """A run that was interrupted in the middle of its report."""
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    run.job.open(runs.training_spec(shapes_dataset.pictures))
    run.job.begin()
    run.write_thumbnails([b"half"])
    run.annotate(lambda said: said.named("Mine"))
    (run.path / "report.json").write_text("{")
    run.job.checkpoint.write_bytes(b"kept")
    return run


def test_it_is_ordered_again_as_it_was_and_what_is_its_owners_stays(
    broken_off: Run, settings: Settings
) -> None:
    asked, dataset, order = broken_off.config(), broken_off.dataset(), broken_off.job.spec()
    assert resuming.resumable(broken_off, settings)
    resuming.resume(broken_off, settings, by="a" * 32)
    assert broken_off.status(settings).state is State.QUEUED
    assert (broken_off.config(), broken_off.dataset()) == (asked, dataset)
    assert broken_off.job.spec() == order
    assert broken_off.title == "Mine"
    assert not (broken_off.path / "report.json").exists()
    assert not (broken_off.path / "thumbnails").exists()
    assert broken_off.job.checkpoint.read_bytes() == b"kept"
    assert not resuming.resumable(broken_off, settings)


def test_two_tabs_at_once_have_it_go_on_once(
    broken_off: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, ordered = threading.Barrier(4), []
    assert broken_off.status(settings).state is State.INTERRUPTED

    def enqueue(*given: object, **named: object) -> None:
        ordered.append(given)
        time.sleep(0.2)  # so that the others come meanwhile
        jobs.enqueue(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(resuming, "enqueue", enqueue)

    def press() -> None:
        together.wait()
        resuming.resume(Run(broken_off.path), settings)

    tabs = [threading.Thread(target=press) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(timeout=20)
    assert len(ordered) == len(Queue("train", settings).tickets()) == 1


def test_without_its_pictures_it_says_so_and_stays(
    broken_off: Run, settings: Settings, tmp_path: Path
) -> None:
    broken_off.job.open(runs.training_spec(tmp_path / "gone"))
    broken_off.job.end(State.INTERRUPTED)
    assert not resuming.resumable(broken_off, settings)
    with pytest.raises(BadDataset, match=r"no longer here.*2 hours.*Upload them again"):
        resuming.resume(broken_off, settings)
    assert broken_off.status(settings).state is State.INTERRUPTED


def test_while_another_process_clears_up_after_it_it_says_so_and_stays(
    broken_off: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "PATIENCE_SECONDS", 0.1)
    assert broken_off.status(settings).state is State.INTERRUPTED
    with broken_off.job.lock(), pytest.raises(BadInput, match="Try again in a few seconds"):
        resuming.resume(broken_off, settings)
    assert resuming.resumable(broken_off, settings)


def test_a_full_queue_leaves_it_to_be_asked_for_again(broken_off: Run, settings: Settings) -> None:
    full = settings.model_copy(update={"queue_length": 1})
    Queue("train", full).add(_waiting(broken_off, full))
    with pytest.raises(LimitExceeded):
        resuming.resume(broken_off, full)
    assert resuming.resumable(broken_off, settings)


def _waiting(like: Run, settings: Settings) -> Path:
    other = runs.create(like.config(), like.dataset(), runs.new_path(settings))
    other.job.open(like.job.spec())
    return other.path


def test_a_finished_run_is_never_touched(
    trained_run: Callable[..., TrainedRun], settings: Settings
) -> None:
    run = trained_run("quick").run
    run.job.open(runs.training_spec(Path("pictures")))
    run.job.end(State.INTERRUPTED)
    before = run.probabilities()
    with pytest.raises(BadInput, match="has its report"):
        resuming.resume(run, settings)
    assert np.array_equal(run.probabilities(), before)


def test_a_run_that_never_came_into_the_queue_is_interrupted(
    shapes_dataset: ImportedDataset, settings: Settings, tiny: Backbone
) -> None:
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    line = runs.summarise(run, settings)
    assert (line.state, line.damaged) == (State.INTERRUPTED, False)
    assert run.status(settings).sentence.startswith("It was interrupted before")
