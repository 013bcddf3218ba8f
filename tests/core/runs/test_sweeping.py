"""Old runs go from a public host; those at work, published or fresh stay."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import runs
from core.jobs import State
from core.jobs.folder import JobSpec, Status
from core.runs.filenames import MANIFEST
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors

DAY = 24 * 3600


@pytest.fixture
def aged_run(settings: Settings) -> Callable[..., Run]:
    """`run_of(State.FINISHED, days=31)`: a run that ended, or was queued, so long ago."""

    def make(state: State, days: float) -> Run:
        path = runs.new_path(settings)
        shutil.copytree(runs.SAMPLE, path)
        run, past = Run(path), time.time() - days * DAY
        run.job.open(JobSpec(kind="train"))
        ended = past if state.ended else None
        visitors.set_owner(path, visitors.visitor_id("0" * 32))
        run.job.write(
            Status(state=state, kind="train", queued_at=past, started_at=past, ended_at=ended)
        )
        return run

    return make


def test_old_runs_are_removed_and_fresh_or_published_ones_stay(
    settings: Settings, aged_run: Callable[..., Run]
) -> None:
    old, failed = aged_run(State.FINISHED, 31), aged_run(State.FAILED, 31)
    fresh, published = aged_run(State.FINISHED, 29), aged_run(State.FINISHED, 400)
    published.publish(shown=True)
    runs.sweep(settings)
    assert not old.path.exists() and not failed.path.exists()
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id, published.id}
    published.publish(shown=False)
    runs.sweep(settings)
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id}
    assert runs.SAMPLE.is_dir()


def test_a_locked_run_is_never_removed(settings: Settings, aged_run: Callable[..., Run]) -> None:
    run = aged_run(State.RUNNING, 31)
    with run.job.lock().acquire(timeout=1):
        runs.sweep(settings)
        assert run.path.is_dir()
    # Even where its status says that it ended: somebody is still writing.
    second = aged_run(State.FINISHED, 31)
    with second.job.lock().acquire(timeout=1):
        runs.sweep(settings)
        assert second.path.is_dir()


def test_runs_without_an_owner_stay(settings: Settings, aged_run: Callable[..., Run]) -> None:
    run = aged_run(State.FINISHED, 400)
    (run.path / visitors.OWNER).unlink()
    runs.sweep(settings)
    assert run.path.is_dir()


def test_nothing_is_removed_in_personal_mode(
    settings: Settings, aged_run: Callable[..., Run]
) -> None:
    run = aged_run(State.FINISHED, 10_000)
    runs.sweep(settings.model_copy(update={"mode": "personal"}))
    assert run.path.is_dir()


def test_owner_and_publication_are_not_in_the_manifest(
    aged_run: Callable[..., Run],
) -> None:
    run = aged_run(State.FINISHED, 0)
    run.publish(shown=True)
    run.complete_with("again", time.time(), 0.0)
    assert not {visitors.OWNER, "published"} & set(run.manifest().files)
    run.publish(shown=True)
    run.publish(shown=False)
    run.publish(shown=False)
    assert not run.published


def test_runs_from_the_future_stay(settings: Settings, aged_run: Callable[..., Run]) -> None:
    fresh, tomorrow = aged_run(State.FINISHED, 0), aged_run(State.FINISHED, -1)
    runs.sweep(settings)
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id, tomorrow.id}
    assert tomorrow.status(settings).seconds == 0


def test_checkpoints_that_cannot_be_resumed_are_removed(
    settings: Settings, aged_run: Callable[..., Run], tmp_path: Path
) -> None:
    def interrupted(pictures: Path) -> Run:
        run = aged_run(State.INTERRUPTED, 1)
        (run.path / MANIFEST).unlink()
        run.job.open(runs.training_spec(pictures))
        run.job.end(State.INTERRUPTED)
        run.job.checkpoint.write_bytes(b"kept")
        return run

    resumable, not_resumable = interrupted(tmp_path), interrupted(tmp_path / "gone")
    runs.sweep(settings)
    assert resumable.job.checkpoint.is_file()
    assert not_resumable.path.is_dir() and not not_resumable.job.checkpoint.exists()
