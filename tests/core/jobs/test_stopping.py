"""However a job is stopped, it says so, leaves nothing half-written, and the next one begins."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core.backbones import Backbone
from core.jobs import JobFolder, State, cancel, dispatcher, enqueue, recover, scheduling
from core.jobs.events import Emit, Epoch, Note
from core.jobs.folder import Order
from core.jobs.queue import Queue
from core.jobs.workers import ROOT, interrupt, worker_environment
from core.pipeline import worker
from core.runs import Run
from core.settings import Settings
from core.training.cache import cache_folder
from tests import shapes
from tests.core.jobs import at_work

LONG = {"epochs": 500, "patience": 500}
ENDLESS = {"head": {"hidden": [4096, 4096, 4096]}, "head_phase": LONG}
"""A head that takes hours."""


def stop_in_time(job: JobFolder, settings: Settings) -> None:
    """Cancel a job at work and hold it to the five seconds that are promised."""
    cancel(job, settings)
    seconds = at_work.until(lambda: scheduling.status(job, settings).state.ended)
    assert seconds <= 5
    status = job.recorded()
    assert (status.state, status.sentence) == (State.CANCELLED, "It was cancelled.")
    assert status.ended_at is not None


def assert_nothing_is_left(run: Run, settings: Settings) -> None:
    at_work.until(lambda: not at_work.processes(settings))
    assert not run.complete
    assert at_work.hidden(run.path) == []
    scratch = settings.home / "scratch"
    assert not scratch.exists() or list(scratch.iterdir()) == []


def test_a_training_is_cancelled_while_the_head_learns(queue: Settings, tmp_path: Path) -> None:
    run = at_work.training(queue, tmp_path / "pictures", **ENDLESS)
    at_work.until(lambda: at_work.said(run.job, "validation pictures"))
    stop_in_time(run.job, queue)
    assert_nothing_is_left(run, queue)
    kept = cache_folder(Path(run.job.order().arguments["pictures"]), queue)
    assert list(kept.rglob("rows")), "the features should be kept for the next time"


def test_a_training_is_cancelled_while_tensorflow_is_imported(
    queue: Settings, tmp_path: Path
) -> None:
    run = at_work.training(queue, tmp_path / "pictures", preset="balanced", unfreeze={"stages": 1})
    at_work.until(lambda: at_work.said(run.job, "TensorFlow is starting"))
    stop_in_time(run.job, queue)
    assert_nothing_is_left(run, queue)


def test_a_training_is_cancelled_while_it_fine_tunes(
    queue: Settings, tiny: Backbone, tmp_path: Path
) -> None:
    asked = {"backbone": tiny.name, "unfreeze": {"stages": 1}, "fine_tune_phase": LONG}
    run = at_work.training(queue, tmp_path / "pictures", **asked)
    at_work.until(lambda: any(epoch.phase == "fine-tune" for epoch in run.epochs()))
    stop_in_time(run.job, queue)
    assert_nothing_is_left(run, queue)
    assert all(isinstance(epoch, Epoch) for epoch in run.epochs())


def test_a_download_is_cancelled_and_leaves_no_part_of_it(queue: Settings, stalled: None) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: list((queue.home / "weights").glob(".download-*")))
    stop_in_time(job, queue)
    at_work.until(lambda: not at_work.processes(queue))
    assert job.log_tail().endswith("stopped"), "it had to be killed"
    assert list((queue.home / "weights").iterdir()) == []
    assert at_work.hidden(queue.home / "backbones") == []


def test_a_worker_that_does_not_listen_is_killed_and_cleared_up_after(
    queue: Settings, stalled: None
) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: list((queue.home / "weights").glob(".download-*")))
    others = queue.home / "weights" / ".download-1-others"
    others.write_bytes(b"somebody else is still downloading this")
    at_work.only(queue, "worker").suspend()
    stop_in_time(job, queue)
    at_work.until(lambda: not at_work.processes(queue))
    assert list((queue.home / "weights").iterdir()) == [others]


def test_a_killed_worker_was_interrupted_with_a_sentence_and_a_log(
    queue: Settings, tmp_path: Path, a_zip: Path
) -> None:
    run = at_work.training(queue, tmp_path / "pictures", **ENDLESS)
    at_work.until(lambda: at_work.said(run.job, "validation pictures"))
    at_work.kill(at_work.only(queue, "worker"))
    status = at_work.ended(run.job, queue)
    assert status.state is State.INTERRUPTED
    assert "the worker was killed, most likely because memory ran out." in status.sentence
    assert "Looking at training pictures" in run.job.log_tail()
    assert status.sentence in run.job.log_tail()
    assert_nothing_is_left(run, queue)


def test_a_training_that_goes_on_at_once_is_not_taken_for_the_one_that_ended(
    queue: Settings, tmp_path: Path
) -> None:
    run = at_work.training(queue, tmp_path / "pictures", **ENDLESS)
    at_work.until(lambda: at_work.said(run.job, "validation pictures"))
    dispatcher, worker = at_work.only(queue, "dispatch"), at_work.only(queue, "worker")
    dispatcher.suspend()
    at_work.kill(worker)
    run.job.end(State.INTERRUPTED)
    run.job.open(run.job.order())  # while the dispatcher has not seen that the worker is gone
    dispatcher.resume()
    at_work.until(lambda: not at_work.processes(queue))
    assert run.job.recorded().state is State.QUEUED


def test_without_dispatcher_and_worker_a_job_is_interrupted(
    queue: Settings, tmp_path: Path
) -> None:
    run = at_work.training(queue, tmp_path / "pictures", **ENDLESS)
    at_work.until(lambda: at_work.said(run.job, "validation pictures"))
    at_work.kill(*at_work.processes(queue))
    # The system frees the lock when the last thread of the worker is gone.
    status = at_work.ended(run.job, queue, within=5)
    assert status.state is State.INTERRUPTED
    assert status.sentence == "It was interrupted: the machine or the worker stopped."
    assert_nothing_is_left(run, queue)
    assert not Queue("train", queue).tickets(), "those that wait count it no more"


def test_a_job_that_ran_when_the_machine_stopped_is_interrupted(queue: Settings) -> None:
    job = JobFolder(queue.home / "runs" / "before")
    job.open(Order(kind="train"))
    job.begin()
    began = job.recorded().started_at
    assert began is not None
    with job.lock():
        pass
    a_day_ago = began - 86400
    job.write(job.recorded().model_copy(update={"started_at": a_day_ago}))
    for path in job.path.iterdir():
        os.utime(path, (a_day_ago + 60, a_day_ago + 60))
    status = scheduling.status(job, queue)
    assert status.state is State.INTERRUPTED
    assert status.seconds == pytest.approx(60, abs=1), "it did not run for the whole night"


def test_a_job_is_not_interrupted_while_somebody_works_on_it(queue: Settings) -> None:
    job = JobFolder(queue.home / "runs" / "mine")
    job.open(Order(kind="train"))
    with job.lock():
        job.begin()
        assert scheduling.status(job, queue).state is State.RUNNING
        assert interrupt(job, queue).state is State.RUNNING
        assert job.worker_alive
    assert not job.worker_alive


def test_a_worker_outlives_its_dispatcher_and_the_queue_goes_on(
    queue: Settings, unreaped: None, a_zip: Path, tmp_path: Path
) -> None:
    (tmp_path / "many").mkdir()
    many = shapes.shapes_zip(tmp_path / "many", classes=8, per_class=40, size=32)
    job = at_work.some_intake(queue, "many", many)
    behind = at_work.some_intake(queue, "few", a_zip)
    at_work.until(lambda: at_work.processes(queue, "worker"))
    orphan = at_work.only(queue, "worker")
    at_work.until(lambda: job.recorded().state is State.RUNNING)
    orphan.suspend()
    at_work.kill(*at_work.processes(queue, "dispatch"))
    assert scheduling.status(job, queue).state is State.RUNNING
    recover(queue)
    at_work.until(lambda: at_work.processes(queue, "dispatch"))
    orphan.resume()
    first, second = at_work.ended(job, queue), at_work.ended(behind, queue)
    assert (first.state, second.state) == (State.FINISHED, State.FINISHED)
    assert first.ended_at <= second.started_at, "the second did not wait for the orphan"
    assert job.log_tail().count("intake begins") == 1


def test_a_worker_that_comes_late_does_not_do_the_job_again(queue: Settings, a_zip: Path) -> None:
    job = JobFolder(queue.home / "uploads" / "shapes")
    job.open(Order(kind="intake", arguments={"source": str(a_zip), "name": "shapes"}))
    typed = [sys.executable, "-m", "core.pipeline.worker", str(job.path)]
    with psutil.Popen(typed, cwd=ROOT, env=worker_environment(queue)) as late:
        late.suspend()
        Queue("intake", queue).add(job.path)
        dispatcher.dispatch("intake", queue)
        done = job.recorded()
        late.resume()
        assert late.wait(at_work.PATIENCE) == 0
    assert done.state is State.FINISHED
    assert job.recorded() == done


def test_a_worker_whose_dispatcher_died_can_still_be_cancelled(
    queue: Settings, unreaped: None, stalled: None
) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: at_work.said(job, "Downloading"))
    at_work.kill(at_work.only(queue, "dispatch"))
    recover(queue)
    at_work.until(lambda: at_work.processes(queue, "dispatch"))
    stop_in_time(job, queue)


def test_a_worker_that_is_told_to_end_by_the_system_was_not_cancelled(
    queue: Settings, stalled: None
) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: at_work.said(job, "Downloading"))
    at_work.only(queue, "worker").send_signal(signal.SIGTERM)
    assert at_work.ended(job, queue).state is State.INTERRUPTED


def test_a_job_that_takes_too_long_fails_and_names_the_variable(
    queue: Settings, stalled: None
) -> None:
    queue = queue.model_copy(update={"job_minutes": 0.02})
    job = at_work.stalled_preparation(queue)
    status = at_work.ended(job, queue)
    assert status.state is State.FAILED
    assert "longer than the 0.02 minutes" in status.sentence
    assert "TUSKER_JOB_MINUTES" in status.sentence
    assert list((queue.home / "weights").iterdir()) == []


def test_a_refusal_stands_in_the_status_as_a_sentence(queue: Settings, tmp_path: Path) -> None:
    source = tmp_path / "letter.zip"
    source.write_text("Dear Sir or Madam")
    status = at_work.ended(at_work.some_intake(queue, "letter", source), queue)
    assert status.state is State.FAILED
    assert status.sentence.startswith("This is not a zip.")


def test_a_bug_is_an_apology_on_the_page_and_a_traceback_in_the_log(queue: Settings) -> None:
    job = enqueue(queue.home / "uploads" / "bug", Order(kind="intake"), queue)
    status = at_work.ended(job, queue)
    assert (status.state, status.sentence) == (State.FAILED, worker.SORRY)
    assert "Traceback" not in status.sentence
    log = job.log_tail()
    assert "Traceback (most recent call last)" in log
    assert "KeyError: 'source'" in log


def test_missing_pictures_are_a_sentence_and_no_bug(queue: Settings, tmp_path: Path) -> None:
    run = at_work.some_run(queue, tmp_path / "pictures")
    gone = {"pictures": str(tmp_path / "gone")}
    enqueue(run.path, Order(kind="train", arguments=gone), queue)
    status = at_work.ended(run.job, queue)
    assert status.sentence == "The pictures of this run are no longer here. Upload them again."


def test_a_cancel_that_comes_before_the_worker_begins_is_heard(queue: Settings) -> None:
    job = JobFolder(queue.home / "runs" / "early")
    job.open(Order(kind="train"))
    job.request_cancel()
    worker.work(job, queue)
    assert job.recorded().started_at is None


def turned_into_an_import_error(*_: object) -> None:
    """What a library makes of a signal that arrives while it is imported."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except BaseException as error:
        raise ImportError("install optree") from error


@pytest.fixture
def misheard(queue: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobFolder]:
    """A job whose worker is asked to stop in the middle of an import."""
    monkeypatch.setitem(worker.WORK, "train", turned_into_an_import_error)
    handler = signal.getsignal(signal.SIGTERM)
    job = JobFolder(queue.home / "runs" / "misheard")
    job.open(Order(kind="train"))
    yield job
    signal.signal(signal.SIGTERM, handler)
    worker.STOPPING.clear()


def test_a_cancel_that_a_library_takes_for_an_error_is_a_cancel(
    misheard: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = JobFolder.begin

    def begin_and_be_cancelled(job: JobFolder) -> None:
        begin(job)
        job.request_cancel()

    monkeypatch.setattr(JobFolder, "begin", begin_and_be_cancelled)
    assert worker.main(misheard.path) == 1
    assert misheard.recorded().state is State.CANCELLED


def test_an_end_that_a_library_takes_for_an_error_is_no_bug_of_the_job(
    misheard: JobFolder,
) -> None:
    assert worker.main(misheard.path) == worker.STOPPED
    assert misheard.recorded().state is State.RUNNING


def test_an_end_that_is_swallowed_is_heard_at_the_next_event(
    misheard: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallowed(_folder: JobFolder, _settings: Settings, emit: Emit, _: object) -> None:
        with suppress(ImportError):
            turned_into_an_import_error()
        emit(Note(sentence="It goes on."))

    monkeypatch.setitem(worker.WORK, "train", swallowed)
    assert worker.main(misheard.path) == worker.STOPPED


def test_an_ended_job_is_not_cancelled_afterwards(queue: Settings) -> None:
    job = JobFolder(queue.home / "runs" / "over")
    job.open(Order(kind="train"))
    job.end(State.FINISHED)
    cancel(job, queue)
    assert job.recorded().state is State.FINISHED
    assert not job.cancel_requested


def test_a_second_worker_leaves_the_job_to_the_first(
    queue: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.2)
    handler = signal.getsignal(signal.SIGTERM)
    job = JobFolder(queue.home / "runs" / "taken")
    job.open(Order(kind="train"))
    try:
        with job.lock():
            job.begin()
            assert worker.main(job.path) == 0
            assert job.recorded().state is State.RUNNING
        job.end(State.FINISHED)
        assert worker.main(job.path) == 0
        assert job.recorded().state is State.FINISHED
    finally:
        signal.signal(signal.SIGTERM, handler)
