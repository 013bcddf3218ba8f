"""The queue from enqueue to the end of a job, with real dispatchers and workers."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.backbones import Backbone
from core.errors import LimitExceeded
from core.jobs import JobFolder, State, cancel, dispatcher, enqueue, position, scheduling
from core.jobs.events import Epoch, Step
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.jobs.workers import LOWEST_PRIORITY, ROOT, WORKER, worker_environment
from core.settings import Settings
from core.system import capacity
from tests.core.jobs import at_work


def opened(settings: Settings, name: str, source: Path, *, seconds_ago: float = 0.0) -> JobFolder:
    """A queued import without a ticket."""
    job = JobFolder(settings.home / "uploads" / name)
    job.open(at_work.intake_spec(source))
    queued_at = {"queued_at": time.time() - seconds_ago}
    job.write(job.recorded().model_copy(update=queued_at))
    return job


def test_a_job_is_queued_then_runs_then_is_finished(
    job_settings: Settings, small_zip: Path
) -> None:
    job = at_work.enqueue_intake(job_settings, "shapes", small_zip)
    states = [job.recorded().state]
    while not states[-1].ended:
        time.sleep(0.01)
        state = scheduling.status(job, job_settings).state
        if state is not states[-1]:
            states.append(state)
    # The job runs for a moment only, which a busy machine may miss.
    assert states in (
        [State.QUEUED, State.RUNNING, State.FINISHED],
        [State.QUEUED, State.FINISHED],
    )
    status = job.recorded()
    assert status.started_at is not None and status.ended_at is not None
    assert status.queued_at <= status.started_at <= status.ended_at
    assert status.sentence == ""
    steps = [event for event in job.events.read() if isinstance(event, Step)]
    assert (8, 8) in [(step.done, step.total) for step in steps]


def test_a_training_starts_with_the_report_of_the_last_one_and_ends_with_a_complete_run(
    job_settings: Settings, tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dispatch_here(queue: Queue, settings: Settings) -> None:
        threading.Thread(
            target=dispatcher.dispatch, args=(queue.kind, settings), daemon=True
        ).start()

    monkeypatch.setattr(scheduling, "start_dispatcher", dispatch_here)
    monkeypatch.setattr(capacity, "free_memory", lambda: dispatcher.BYTES_BESIDE_OTHERS)
    options = {"preset": "quick", "backbone": tiny.name}
    first, run = (
        at_work.enqueue_training(job_settings, tmp_path / "pictures", **options) for _ in range(2)
    )
    queue = Queue("train", job_settings)
    at_work.wait_until(lambda: first.job.recorded().gave_way_at)
    rest = at_work.processes(job_settings, "worker")[0]
    rest.suspend()
    assert first.complete
    assert queue.tickets_beside()
    assert sys.platform != "linux" or rest.nice() == LOWEST_PRIORITY
    status = at_work.wait_until_ended(run.job, job_settings, within=240)
    assert (status.state, status.sentence) == (State.FINISHED, ""), run.job.log_tail()
    assert scheduling.status(first.job, job_settings).state is State.RUNNING
    cancel(first.job, job_settings)
    assert at_work.wait_until_ended(first.job, job_settings).state is State.CANCELLED
    assert first.report().pictures == 6

    assert run.report().pictures == 6
    assert "model/classifier.tflite" in run.manifest().files
    assert any(isinstance(event, Epoch) for event in run.events())
    assert at_work.hidden_files(run.path) == []
    at_work.wait_until(lambda: not at_work.processes(job_settings))
    assert list((job_settings.home / "scratch").iterdir()) == []
    assert queue.tickets() == []


def test_the_rest_of_a_training_is_supervised_after_its_dispatcher_was_killed(
    job_settings: Settings, tiny: Backbone, no_init_process: None, tmp_path: Path
) -> None:
    run = at_work.enqueue_training(
        job_settings, tmp_path / "pictures", preset="quick", backbone=tiny.name
    )
    queue = Queue("train", job_settings)
    at_work.wait_until(queue.tickets_beside)
    at_work.only_process(job_settings, "worker").suspend()
    at_work.kill(at_work.only_process(job_settings, "dispatch"))
    hurried = job_settings.model_copy(update={"job_minutes": 0.001})
    status = at_work.wait_until_ended(run.job, hurried)
    assert status.state is State.FAILED
    assert "TUSKER_JOB_MINUTES" in status.sentence
    assert run.complete and run.report().pictures == 6
    at_work.wait_until(lambda: not at_work.processes(job_settings))
    assert list((job_settings.home / "scratch").iterdir()) == []
    assert not queue.tickets() and not queue.tickets_beside()


HOLD = """
import sys, time
from pathlib import Path
from filelock import FileLock
with FileLock(Path(sys.argv[-1]) / "worker.lock"):
    print("held", flush=True)
    time.sleep(float(sys.argv[1]))
"""


def hold(job: JobFolder, seconds: float) -> subprocess.Popen[str]:
    """A process that works on a running job, as a worker does, and ends without a word."""
    command = [sys.executable, "-c", HOLD, str(seconds), WORKER, str(job.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    job.begin()
    return process


def test_a_running_job_is_supervised_although_memory_is_short(
    job_settings: Settings, small_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a dispatcher was killed while one training ran beside the rest of another."""
    monkeypatch.setattr(capacity, "free_memory", lambda: 0)
    beside, queue = opened(job_settings, "beside", small_zip), Queue("intake", job_settings)
    in_line = opened(job_settings, "in line", small_zip)
    queue.add(beside.path)
    queue.add(in_line.path)
    with hold(beside, 60) as process, hold(in_line, 0.1):
        queue.step_aside(queue.tickets()[0])
        dispatching = threading.Thread(target=dispatcher.dispatch, args=("intake", job_settings))
        dispatching.start()
        at_work.wait_until(lambda: in_line.recorded().state.ended)
        assert beside.recorded().state is State.RUNNING
        process.kill()
    dispatching.join(at_work.PATIENCE)
    assert beside.recorded().state is State.INTERRUPTED


def test_a_job_beside_the_queue_is_interrupted_though_jobs_now_run_on_a_cluster(
    job_settings: Settings, small_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: pytest.fail("not needed"))
    job, queue = opened(job_settings, "beside", small_zip), Queue("intake", job_settings)
    queue.add(job.path)
    job.begin()
    queue.step_aside(queue.tickets()[0])
    cluster = job_settings.model_copy(update={"runner": "ray"})
    assert scheduling.status(job, cluster).state is State.INTERRUPTED


def test_a_job_starts_beside_the_rest_of_the_last_one_only_if_memory_is_free(
    job_settings: Settings,
    unresponsive_network: None,
    small_zip: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    monkeypatch.setattr(capacity, "free_memory", lambda: 0)
    slow, queue = at_work.enqueue_stalled_preparation(job_settings), Queue("prepare", job_settings)
    quick = opened(job_settings, "quick", small_zip)
    queue.add(quick.path)
    dispatching = threading.Thread(target=dispatcher.dispatch, args=("prepare", job_settings))
    dispatching.start()
    at_work.wait_until(lambda: slow.recorded().state is State.RUNNING)
    queue.step_aside(queue.tickets()[0])
    time.sleep(0.5)
    assert at_work.only_process(job_settings, "worker"), "the next one has not started"
    monkeypatch.setattr(capacity, "free_memory", lambda: dispatcher.BYTES_BESIDE_OTHERS)
    at_work.wait_until(lambda: quick.recorded().state.ended)
    assert slow.recorded().state is State.RUNNING
    cancel(slow, job_settings)
    dispatching.join(at_work.PATIENCE)
    assert slow.recorded().state is State.CANCELLED


def test_kinds_run_at_the_same_time_unless_there_is_only_one_slot(
    job_settings: Settings, unresponsive_network: None, small_zip: Path
) -> None:
    slow = at_work.enqueue_stalled_preparation(job_settings)
    at_work.wait_until(lambda: slow.recorded().state is State.RUNNING)
    quick = at_work.enqueue_intake(job_settings, "quick", small_zip)
    assert at_work.wait_until_ended(quick, job_settings).state is State.FINISHED
    assert scheduling.status(slow, job_settings).state is State.RUNNING
    at_work.wait_until(lambda: not Queue("intake", job_settings).held)

    one_slot = job_settings.model_copy(update={"jobs_at_once": 1})
    waiting = at_work.enqueue_intake(one_slot, "waiting", small_zip)
    at_work.wait_until(lambda: "another job" in scheduling.status(waiting, one_slot).sentence)
    assert scheduling.status(waiting, one_slot).state is State.QUEUED
    cancel(waiting, one_slot)
    assert waiting.recorded().state is State.CANCELLED


def test_a_full_queue_refuses_jobs_and_positions_count_the_jobs_ahead(
    job_settings: Settings, unresponsive_network: None, tmp_path: Path
) -> None:
    host = job_settings.model_copy(update={"queue_length": 2})
    first = at_work.enqueue_training(host, tmp_path / "pictures", backbone="resnet50")
    at_work.wait_until(lambda: first.job.recorded().state is State.RUNNING)
    second, third = (
        at_work.enqueue_training(host, tmp_path / "pictures", backbone="resnet50") for _ in range(2)
    )
    assert [position(run.job, host) for run in (first, second, third)] == [0, 1, 2]

    fourth = at_work.create_run(host, tmp_path / "pictures")
    with pytest.raises(LimitExceeded, match=r"2 of 2 places.*TUSKER_QUEUE_LENGTH"):
        enqueue(fourth.path, JobSpec(kind="train"), host)
    assert not fourth.job.exists

    cancel(second.job, host)
    status = scheduling.status(second.job, host)
    assert (status.state, status.started_at) == (State.CANCELLED, None)
    assert position(third.job, host) == 1
    assert scheduling.status(first.job, host).state is State.RUNNING
    enqueue(fourth.path, JobSpec(kind="train"), host)
    assert position(fourth.job, host) == 2


def test_concurrent_dispatchers_run_each_job_once_and_in_order(
    job_settings: Settings, small_zip: Path
) -> None:
    queue = Queue("intake", job_settings)
    (queue.path / ".half").write_text("/nowh")
    assert queue.tickets() == []
    queue.add(job_settings.home / "uploads" / "deleted")
    jobs = [opened(job_settings, name, small_zip) for name in ("b", "a")]
    for job in jobs:
        queue.add(job.path)
    dispatchers = [
        subprocess.Popen(
            [sys.executable, "-m", "core.jobs.dispatcher", "intake"],
            cwd=ROOT,
            env=worker_environment(job_settings),
        )
        for _ in jobs
    ]
    assert [process.wait(at_work.PATIENCE) for process in dispatchers] == [0, 0]
    for job in jobs:
        assert job.recorded().state is State.FINISHED
        assert job.log_tail().count("intake begins") == 1
    assert jobs[0].recorded().ended_at <= jobs[1].recorded().started_at


def test_a_running_job_that_is_deleted_is_stopped_and_the_next_one_starts(
    job_settings: Settings, unresponsive_network: None, tmp_path: Path
) -> None:
    first = at_work.enqueue_training(job_settings, tmp_path / "pictures", backbone="resnet50")
    at_work.wait_until(lambda: at_work.has_event(first.job, "Downloading"))
    second = at_work.enqueue_training(job_settings, tmp_path / "pictures", backbone="resnet50")
    worker = at_work.only_process(job_settings, "worker")
    shutil.rmtree(first.path)
    at_work.wait_until(lambda: not at_work.is_alive(worker))
    at_work.wait_until(lambda: second.job.recorded().state is State.RUNNING)
    assert not first.path.exists()


def test_a_job_without_a_dispatcher_gets_one(job_settings: Settings, small_zip: Path) -> None:
    job = opened(job_settings, "forgotten", small_zip)
    Queue("intake", job_settings).add(job.path)
    assert scheduling.status(job, job_settings).state is State.QUEUED
    assert at_work.processes(job_settings) == []
    job = opened(job_settings, "forgotten", small_zip, seconds_ago=-86400)  # the clock was set back
    scheduling.status(job, job_settings)
    at_work.wait_until(lambda: job.recorded().state is State.FINISHED)


def test_a_page_that_asks_again_at_once_starts_no_second_dispatcher(
    job_settings: Settings, small_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = opened(job_settings, "forgotten", small_zip, seconds_ago=60)
    Queue("intake", job_settings).add(job.path)
    started: list[list[str]] = []
    monkeypatch.setattr(
        scheduling.subprocess, "Popen", lambda command, **_: started.append(command)
    )
    monkeypatch.setattr(scheduling, "START_SECONDS", 600)
    for _ in range(5):
        scheduling.status(job, job_settings)
    assert len(started) == 1


def test_a_job_without_a_ticket_is_interrupted(job_settings: Settings, small_zip: Path) -> None:
    job = opened(job_settings, "lost", small_zip, seconds_ago=2 * scheduling.PATIENCE_SECONDS)
    assert scheduling.status(job, job_settings).state is State.INTERRUPTED


def test_the_queue_keeps_its_order_if_the_clock_is_set_back(settings: Settings) -> None:
    queue = Queue("train", settings)
    tomorrow = time.time_ns() + 86400 * 10**9
    (queue.path / f"{tomorrow:020d}-first").write_text(str(settings.home / "first"))
    queue.add(settings.home / "second")
    queue.add(settings.home / "third")
    names = [ticket.name.partition("-")[2] for ticket in queue.tickets()]
    assert names == ["first", "second", "third"]
