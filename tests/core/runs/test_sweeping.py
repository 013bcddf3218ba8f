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
def run_of(settings: Settings) -> Callable[..., Run]:
    """`run_of(State.FINISHED, days=31)`: a run that ended, or was queued, so long ago."""

    def make(state: State, days: float) -> Run:
        path = runs.new_path(settings)
        shutil.copytree(runs.SAMPLE, path)
        run, then = Run(path), time.time() - days * DAY
        run.job.open(JobSpec(kind="train"))
        ended = then if state.ended else None
        visitors.set_owner(path, visitors.visitor_id("0" * 32))
        run.job.write(
            Status(state=state, kind="train", queued_at=then, started_at=then, ended_at=ended)
        )
        return run

    return make


def test_an_old_run_goes_and_a_fresh_or_published_one_stays(
    settings: Settings, run_of: Callable[..., Run]
) -> None:
    old, failed = run_of(State.FINISHED, 31), run_of(State.FAILED, 31)
    fresh, published = run_of(State.FINISHED, 29), run_of(State.FINISHED, 400)
    published.publish(shown=True)
    runs.sweep(settings)
    assert not old.path.exists() and not failed.path.exists()
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id, published.id}
    published.publish(shown=False)
    runs.sweep(settings)
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id}
    assert runs.SAMPLE.is_dir()


def test_a_run_at_work_stays_however_old_it_is(
    settings: Settings, run_of: Callable[..., Run]
) -> None:
    run = run_of(State.RUNNING, 31)
    with run.job.lock().acquire(timeout=1):
        runs.sweep(settings)
        assert run.path.is_dir()
    # Even where its status says that it ended: somebody is still writing.
    other = run_of(State.FINISHED, 31)
    with other.job.lock().acquire(timeout=1):
        runs.sweep(settings)
        assert other.path.is_dir()


def test_what_was_taught_before_strangers_came_stays(
    settings: Settings, run_of: Callable[..., Run]
) -> None:
    run = run_of(State.FINISHED, 400)
    (run.path / visitors.OWNER).unlink()
    runs.sweep(settings)
    assert run.path.is_dir()


def test_on_a_machine_of_ones_own_nothing_goes_by_itself(
    settings: Settings, run_of: Callable[..., Run]
) -> None:
    run = run_of(State.FINISHED, 10_000)
    runs.sweep(settings.model_copy(update={"mode": "personal"}))
    assert run.path.is_dir()


def test_who_owns_a_run_and_whether_it_is_published_is_no_part_of_its_manifest(
    run_of: Callable[..., Run],
) -> None:
    run = run_of(State.FINISHED, 0)
    run.publish(shown=True)
    run.complete_with("again", time.time(), 0.0)
    assert not {visitors.OWNER, "published"} & set(run.manifest().files)
    run.publish(shown=True)
    run.publish(shown=False)
    run.publish(shown=False)
    assert not run.published


def test_a_clock_that_is_set_back_a_day_sweeps_nothing_too_early(
    settings: Settings, run_of: Callable[..., Run]
) -> None:
    fresh, tomorrow = run_of(State.FINISHED, 0), run_of(State.FINISHED, -1)
    runs.sweep(settings)
    assert {run.id for run in runs.list_runs(settings)} == {fresh.id, tomorrow.id}
    assert tomorrow.status(settings).seconds == 0


def test_what_can_no_longer_go_on_does_not_keep_what_it_would_go_on_from(
    settings: Settings, run_of: Callable[..., Run], tmp_path: Path
) -> None:
    def broken_off(pictures: Path) -> Run:
        run = run_of(State.INTERRUPTED, 1)
        (run.path / MANIFEST).unlink()
        run.job.open(runs.training_spec(pictures))
        run.job.end(State.INTERRUPTED)
        run.job.checkpoint.write_bytes(b"kept")
        return run

    here, gone = broken_off(tmp_path), broken_off(tmp_path / "gone")
    runs.sweep(settings)
    assert here.job.checkpoint.is_file()
    assert gone.path.is_dir() and not gone.job.checkpoint.exists()
