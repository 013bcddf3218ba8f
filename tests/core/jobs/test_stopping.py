"""However a job is stopped: its status says so, no half-written file is left, and the next runs."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core import intake
from core.backbones import Backbone
from core.errors import Cancelled
from core.jobs import JobFolder, State, cancel, dispatcher, enqueue, recover, scheduling
from core.jobs.events import Emit, Note
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.jobs.workers import ROOT, interrupt, worker_environment
from core.pipeline import worker
from core.runs import Run, resuming
from core.settings import Settings
from core.training.cache import cache_folder
from tests import shapes
from tests.core.jobs import at_work

LONG = {"epochs": 500, "patience": 500}
ENDLESS = {"head": {"hidden": [4096, 4096, 4096]}, "head_phase": LONG}
"""A head that trains for hours."""


def cancel_and_wait(job: JobFolder, settings: Settings) -> None:
    cancel(job, settings)
    status = at_work.wait_until_ended(job, settings)
    assert (status.state, status.sentence) == (State.CANCELLED, "Cancelled.")
    assert status.ended_at is not None


def assert_nothing_is_left(run: Run, settings: Settings) -> None:
    at_work.wait_until(lambda: not at_work.processes(settings))
    assert not run.complete
    assert at_work.hidden_files(run.path) == []
    scratch = settings.home / "scratch"
    assert not scratch.exists() or list(scratch.iterdir()) == []


@pytest.fixture
def endless(job_settings: Settings, tiny: Backbone, tmp_path: Path) -> Run:
    """A run that is training a head for hours."""
    options = {"backbone": tiny.name} | ENDLESS
    run = at_work.enqueue_training(job_settings, tmp_path / "pictures", **options)
    at_work.wait_until(lambda: at_work.has_event(run.job, "validation pictures"))
    return run


def make_job(settings: Settings) -> JobFolder:
    job = JobFolder(settings.home / "runs" / "job")
    job.open(JobSpec(kind="train"))
    return job


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "event"),
    [
        ({"preset": "balanced"}, "TensorFlow"),  # while it is imported
        ({"backbone": "tiny", "fine_tune_phase": LONG}, '"fine-tune"'),
    ],
)
def test_a_training_is_cancelled_while_it_fine_tunes(
    job_settings: Settings, tiny: Backbone, tmp_path: Path, options: dict[str, object], event: str
) -> None:
    options |= {"unfreeze": {"stages": 1}}
    run = at_work.enqueue_training(job_settings, tmp_path / "pictures", **options)
    at_work.wait_until(lambda: at_work.has_event(run.job, event))
    cancel_and_wait(run.job, job_settings)
    assert_nothing_is_left(run, job_settings)


@pytest.mark.parametrize("hangs", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_download_is_cancelled_and_its_files_are_removed(
    job_settings: Settings, unresponsive_network: None, hangs: bool
) -> None:
    scratch = job_settings.home / "scratch"
    job = at_work.enqueue_stalled_preparation(job_settings)
    at_work.wait_until(lambda: list(scratch.glob("*/*/tusker-*")))
    if hangs:
        at_work.only_process(job_settings, "worker").suspend()
    cancel_and_wait(job, job_settings)
    at_work.wait_until(lambda: not at_work.processes(job_settings))
    # It sees the request or receives the signal, whichever comes first.
    assert hangs or job.log_tail().endswith(("Cancelled.", "stopped")), "it had to be killed"
    assert not list(scratch.iterdir())
    assert not list((job_settings.home / "weights").glob("*"))
    assert at_work.hidden_files(job_settings.home / "backbones") == []


def test_a_training_without_its_worker_is_interrupted_then_resumed_and_cancelled(
    endless: Run, job_settings: Settings
) -> None:
    at_work.kill(at_work.only_process(job_settings, "worker"))
    status = at_work.wait_until_ended(endless.job, job_settings)
    assert status.state is State.INTERRUPTED
    assert "memory ran out" in status.sentence
    assert "Extracting features of training pictures" in endless.job.log_tail()
    assert status.sentence in endless.job.log_tail()
    assert_nothing_is_left(endless, job_settings)

    resuming.resume(endless, job_settings)
    at_work.wait_until(lambda: at_work.has_event(endless.job, "validation pictures"))
    at_work.kill(*at_work.processes(job_settings))  # the dispatcher, too
    assert at_work.wait_until_ended(endless.job, job_settings).state is State.INTERRUPTED
    assert_nothing_is_left(endless, job_settings)
    assert not Queue("train", job_settings).tickets()

    resuming.resume(endless, job_settings)
    at_work.wait_until(lambda: at_work.has_event(endless.job, "validation pictures"))
    cancel_and_wait(endless.job, job_settings)
    assert_nothing_is_left(endless, job_settings)
    cache = cache_folder(Path(endless.job.spec().arguments["pictures"]), job_settings)
    assert list(cache.rglob("rows")), "the features should be kept for the next training"


def test_a_resumed_training_is_not_ended_by_the_dispatcher_of_the_last_attempt(
    endless: Run, job_settings: Settings
) -> None:
    process = at_work.only_process(job_settings, "dispatch")
    process.suspend()
    at_work.kill(at_work.only_process(job_settings, "worker"))
    endless.job.end(State.INTERRUPTED)
    endless.job.open(endless.job.spec())  # before the dispatcher sees the end of the worker
    process.resume()
    at_work.wait_until(lambda: not at_work.processes(job_settings))
    assert endless.job.recorded().state is State.QUEUED


def test_a_job_that_ran_when_the_machine_stopped_is_interrupted(job_settings: Settings) -> None:
    job = make_job(job_settings)
    job.begin()
    with job.lock():
        pass
    a_day_ago = time.time() - 86400
    job.write(job.recorded().model_copy(update={"started_at": a_day_ago}))
    for path in job.path.iterdir():
        os.utime(path, (a_day_ago + 60, a_day_ago + 60))
    status = scheduling.status(job, job_settings)
    assert status.state is State.INTERRUPTED
    assert status.seconds == pytest.approx(60, abs=1), "the time without power does not count"


def test_a_job_is_not_interrupted_while_a_process_works_on_it(job_settings: Settings) -> None:
    job = make_job(job_settings)
    with job.lock():
        job.begin()
        assert scheduling.status(job, job_settings).state is State.RUNNING
        assert interrupt(job, job_settings).state is State.RUNNING
        assert job.worker_alive
    assert not job.worker_alive


def test_a_worker_outlives_its_dispatcher_and_the_next_one_waits_for_it(
    job_settings: Settings, no_init_process: None, small_zip: Path, tmp_path: Path
) -> None:
    (tmp_path / "many").mkdir()
    many = shapes.shapes_zip(tmp_path / "many", classes=8, per_class=40, size=32)
    first = at_work.enqueue_intake(job_settings, "many", many)
    second = at_work.enqueue_intake(job_settings, "few", small_zip)
    at_work.wait_until(lambda: at_work.processes(job_settings, "worker"))
    orphan = at_work.only_process(job_settings, "worker")
    at_work.wait_until(lambda: first.recorded().state is State.RUNNING)
    orphan.suspend()
    at_work.kill(*at_work.processes(job_settings, "dispatch"))
    # A zombie holds its lock until its last thread has ended.
    at_work.wait_until(lambda: not Queue("intake", job_settings).held)
    recover(job_settings)
    assert scheduling.status(first, job_settings).state is State.RUNNING  # starts another one
    at_work.wait_until(lambda: at_work.processes(job_settings, "dispatch"))
    orphan.resume()
    statuses = [at_work.wait_until_ended(job, job_settings) for job in (first, second)]
    assert [status.state for status in statuses] == [State.FINISHED, State.FINISHED]
    assert statuses[0].ended_at <= statuses[1].started_at
    assert first.log_tail().count("intake begins") == 1


@pytest.mark.slow
def test_a_worker_that_starts_late_does_not_repeat_the_job(
    job_settings: Settings, small_zip: Path
) -> None:
    job = JobFolder(job_settings.home / "uploads" / "shapes")
    job.open(at_work.intake_spec(small_zip))
    command = [sys.executable, "-m", "core.pipeline.worker", str(job.path)]
    with psutil.Popen(command, cwd=ROOT, env=worker_environment(job_settings)) as late:
        late.suspend()
        Queue("intake", job_settings).add(job.path)
        dispatcher.dispatch("intake", job_settings)
        status = job.recorded()
        late.resume()
        assert late.wait(at_work.PATIENCE) == 0
    assert status.state is State.FINISHED
    assert job.recorded() == status


def test_a_worker_that_the_system_terminates_is_interrupted_not_cancelled(
    job_settings: Settings, unresponsive_network: None
) -> None:
    job = at_work.enqueue_stalled_preparation(job_settings)
    at_work.wait_until(lambda: at_work.has_event(job, "Downloading"))
    status = job.recorded()
    assert at_work.enqueue_stalled_preparation(job_settings).recorded() == status, (
        "not queued again"
    )
    assert len(Queue("prepare", job_settings).tickets()) == 1
    at_work.only_process(job_settings, "worker").send_signal(signal.SIGTERM)
    assert at_work.wait_until_ended(job, job_settings).state is State.INTERRUPTED


def test_a_job_that_takes_too_long_fails_and_names_the_limit(
    job_settings: Settings, unresponsive_network: None
) -> None:
    settings = job_settings.model_copy(update={"job_minutes": 0.02})
    job = at_work.enqueue_stalled_preparation(settings)
    status = at_work.wait_until_ended(job, settings)
    assert status.state is State.FAILED
    assert "0.02 minutes" in status.sentence
    assert "TUSKER_JOB_MINUTES" in status.sentence
    assert at_work.hidden_files(settings.home / "weights") == []


def test_expected_errors_are_the_sentence_of_the_status(
    job_settings: Settings, tmp_path: Path
) -> None:
    run = at_work.create_run(job_settings, tmp_path / "pictures")
    arguments = {"pictures": str(tmp_path / "gone")}
    enqueue(run.path, JobSpec(kind="train", arguments=arguments), job_settings)
    status = at_work.wait_until_ended(run.job, job_settings)
    assert (status.state, "no longer here" in status.sentence) == (State.FAILED, True)


def test_a_bug_is_an_apology_with_a_traceback_in_the_log(job_settings: Settings) -> None:
    job = enqueue(job_settings.home / "uploads" / "bug", JobSpec(kind="intake"), job_settings)
    status = at_work.wait_until_ended(job, job_settings)
    assert (status.state, status.sentence) == (State.FAILED, worker.SORRY)
    assert "Traceback (most recent call last)" in job.log_tail()
    assert "KeyError: 'source'" in job.log_tail()


def test_a_job_that_is_cancelled_before_its_worker_starts_does_not_run(
    job_settings: Settings,
) -> None:
    job = make_job(job_settings)
    job.request_cancel()
    worker.run_job(job, job_settings)
    assert job.recorded().started_at is None


def test_a_job_that_has_ended_cannot_be_cancelled(job_settings: Settings) -> None:
    job = make_job(job_settings)
    job.end(State.FINISHED)
    cancel(job, job_settings)
    assert job.recorded().state is State.FINISHED
    assert not job.cancel_requested


def raise_import_error(*_: object) -> None:
    """What a library does with a signal that arrives while it is imported."""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except BaseException as error:
        raise ImportError("install optree") from error


@pytest.fixture
def in_process(job_settings: Settings) -> Iterator[JobFolder]:
    """A job for a worker in this process, whose signal handler is restored after the test."""
    handler = signal.getsignal(signal.SIGTERM)
    yield make_job(job_settings)
    signal.signal(signal.SIGTERM, handler)
    worker.STOP_REQUESTED.clear()


def test_a_cancel_that_a_library_turns_into_an_error_is_a_cancel(
    in_process: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request_and_raise(job: JobFolder, *_: object) -> None:
        job.request_cancel()
        raise_import_error()

    monkeypatch.setitem(worker.HANDLERS, "train", request_and_raise)
    assert worker.main(in_process.path) == 1
    assert in_process.recorded().state is State.CANCELLED


def test_a_termination_that_a_library_turns_into_an_error_is_no_failure(
    in_process: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(worker.HANDLERS, "train", raise_import_error)
    assert worker.main(in_process.path) == worker.STOPPED_EXIT_CODE
    assert in_process.recorded().state is State.RUNNING


@pytest.mark.parametrize(
    ("runner", "cancelled", "kept"),
    [("ray", False, True), ("ray", True, False), ("local", False, False)],
)
def test_the_upload_of_an_intake_that_a_cluster_will_repeat_is_kept(
    in_process: JobFolder,
    job_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    *,
    runner: str,
    cancelled: bool,
    kept: bool,
) -> None:
    def terminate(*_: object, **_options: object) -> None:
        if cancelled:
            in_process.request_cancel()
        worker.STOP_REQUESTED.set()
        raise ImportError("install optree")  # what a library makes of the signal

    source = in_process.path / "upload.zip"
    source.write_bytes(b"an upload")
    arguments = {"source": str(source), "name": "upload"}
    in_process.open(JobSpec(kind="intake", arguments=arguments))
    unpacked = intake.pictures(in_process.path)
    unpacked.mkdir()
    monkeypatch.setattr(intake, "ingest", terminate)
    with pytest.raises((worker.Stopped, Cancelled)):
        worker.run_job(in_process, job_settings.model_copy(update={"runner": runner}))
    assert source.exists() == kept
    assert not unpacked.exists(), "a repeated intake begins with an empty folder"


def test_a_termination_that_a_library_swallows_takes_effect_at_the_next_event(
    in_process: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(_folder: JobFolder, _settings: Settings, emit: Emit, _: object) -> None:
        with suppress(ImportError):
            raise_import_error()
        emit(Note(sentence="It goes on."))

    monkeypatch.setitem(worker.HANDLERS, "train", swallow)
    assert worker.main(in_process.path) == worker.STOPPED_EXIT_CODE


def test_a_second_worker_leaves_the_job_to_the_first(
    in_process: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.2)
    with in_process.lock():
        in_process.begin()
        assert worker.main(in_process.path) == 0
        assert in_process.recorded().state is State.RUNNING
    in_process.end(State.FINISHED)
    assert worker.main(in_process.path) == 0
    assert in_process.recorded().state is State.FINISHED
