"""The queue, from enqueue to the end, with real dispatchers and workers."""

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import runs
from core.backbones import Backbone
from core.errors import LimitExceeded
from core.jobs import JobFolder, State, cancel, dispatcher, enqueue, position, scheduling
from core.jobs.events import Epoch, Step
from core.jobs.folder import Order
from core.jobs.queue import Queue
from core.jobs.workers import ROOT, worker_environment
from core.settings import Settings
from tests.core.jobs import at_work


def test_a_job_goes_from_queued_through_running_to_done(queue: Settings, a_zip: Path) -> None:
    job = at_work.some_intake(queue, "shapes", a_zip)
    seen = [job.recorded().state]
    while not seen[-1].ended:
        state = scheduling.status(job, queue).state
        if state is not seen[-1]:
            seen.append(state)
    # It runs for a moment only, which a busy machine may not look at.
    assert seen in ([State.QUEUED, State.RUNNING, State.FINISHED], [State.QUEUED, State.FINISHED])
    status = job.recorded()
    assert status.started_at is not None and status.ended_at is not None
    assert status.queued_at <= status.started_at <= status.ended_at
    assert status.sentence == ""


def test_events_are_lines_of_json_with_the_progress(queue: Settings, a_zip: Path) -> None:
    job = at_work.some_intake(queue, "shapes", a_zip)
    at_work.ended(job, queue)
    lines = [json.loads(line) for line in job.events.path.read_text().splitlines()]
    assert all({"kind", "at"} <= set(line) for line in lines)
    looked = [event for event in job.events.read() if isinstance(event, Step)]
    assert ("Looking at pictures", 8, 8) in [(e.what, e.done, e.total) for e in looked]


def test_a_training_in_the_queue_ends_with_a_complete_run(
    queue: Settings, tiny: Backbone, tmp_path: Path
) -> None:
    run = at_work.training(queue, tmp_path / "pictures", preset="quick", backbone="tiny")
    status = at_work.ended(run.job, queue)
    assert (status.state, status.sentence) == (State.FINISHED, ""), run.job.log_tail()
    assert run.report().pictures == 6
    assert {"model/classifier.keras", "model/classifier.tflite"} <= set(run.manifest().files)
    assert any(isinstance(event, Epoch) for event in run.events())
    assert at_work.hidden(run.path) == []
    at_work.until(lambda: not at_work.processes(queue))
    assert list((queue.home / "scratch").iterdir()) == []
    assert Queue("train", queue).tickets() == []


def test_jobs_of_a_kind_run_in_order_and_one_at_a_time(queue: Settings, a_zip: Path) -> None:
    jobs = [at_work.some_intake(queue, name, a_zip) for name in ("c", "a", "b")]
    ends = [at_work.ended(job, queue) for job in jobs]
    assert [end.state for end in ends] == [State.FINISHED] * 3
    for before, after in itertools.pairwise(ends):
        assert before.ended_at <= after.started_at


def test_one_kind_does_not_wait_for_another(queue: Settings, stalled: None, a_zip: Path) -> None:
    slow = at_work.stalled_preparation(queue)
    at_work.until(lambda: slow.recorded().state is State.RUNNING)
    quick = at_work.some_intake(queue, "shapes", a_zip)
    assert at_work.ended(quick, queue).state is State.FINISHED
    assert scheduling.status(slow, queue).state is State.RUNNING


def test_the_queue_counts_who_is_ahead_and_takes_only_so_many(
    queue: Settings, stalled: None, tmp_path: Path
) -> None:
    queue = queue.model_copy(update={"queue_length": 2})
    first = at_work.training(queue, tmp_path / "pictures", backbone="resnet50")
    at_work.until(lambda: first.job.recorded().state is State.RUNNING)
    second, third = (
        at_work.training(queue, tmp_path / "pictures", backbone="resnet50") for _ in range(2)
    )
    ahead = [position(run.job, queue) for run in (first, second, third)]
    assert ahead == [0, 1, 2]

    fourth = at_work.some_run(queue, tmp_path / "pictures")
    with pytest.raises(LimitExceeded, match=r"2 of 2 places.*TUSKER_QUEUE_LENGTH"):
        enqueue(fourth.path, Order(kind="train"), queue)
    assert not fourth.job.exists

    cancel(second.job, queue)
    status = scheduling.status(second.job, queue)
    assert (status.state, status.started_at) == (State.CANCELLED, None)
    assert status.sentence == "It was cancelled before it began."
    assert position(third.job, queue) == 1
    assert scheduling.status(first.job, queue).state is State.RUNNING
    enqueue(fourth.path, Order(kind="train"), queue)
    assert position(fourth.job, queue) == 2


def test_asking_twice_for_the_same_work_leaves_it_as_it_is(queue: Settings, stalled: None) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: at_work.said(job, "Downloading"))
    begun = job.recorded()
    again = at_work.stalled_preparation(queue)
    assert again.recorded() == begun
    assert len(Queue("prepare", queue).tickets()) == 1


def test_several_dispatchers_do_each_job_once(queue: Settings, a_zip: Path) -> None:
    lane = Queue("intake", queue)
    jobs = []
    for number in range(3):
        job = JobFolder(queue.home / "uploads" / f"number{number}")
        job.open(Order(kind="intake", arguments={"source": str(a_zip), "name": "shapes"}))
        lane.add(job.path)
        jobs.append(job)
    dispatchers = [
        subprocess.Popen(
            [sys.executable, "-m", "core.jobs.dispatcher", "intake"],
            cwd=ROOT,
            env=worker_environment(queue),
        )
        for _ in range(3)
    ]
    assert [dispatcher.wait(at_work.PATIENCE) for dispatcher in dispatchers] == [0, 0, 0]
    for job in jobs:
        assert job.recorded().state is State.FINISHED
        assert job.log_tail().count("intake begins") == 1


def test_a_second_dispatcher_leaves_at_once(queue: Settings) -> None:
    lane = Queue("intake", queue)
    job = JobFolder(queue.home / "uploads" / "waits")
    job.open(Order(kind="intake"))
    lane.add(job.path)
    with lane.lock():
        began = time.monotonic()
        dispatcher.dispatch("intake", queue)
    assert time.monotonic() - began < 3
    assert job.recorded().state is State.QUEUED
    assert len(lane.tickets()) == 1


def test_a_ticket_is_never_met_half_written(queue: Settings) -> None:
    lane = Queue("intake", queue)
    (lane.path / ".half").write_text("/nowh")
    assert lane.tickets() == []


def test_a_withdrawn_ticket_and_a_deleted_job_hold_up_nobody(queue: Settings, a_zip: Path) -> None:
    lane = Queue("intake", queue)
    lane.add(queue.home / "uploads" / "deleted")
    dispatcher._run_ticket(lane.path / "00000000000000000000-withdrawn", queue)
    job = at_work.some_intake(queue, "shapes", a_zip)
    assert at_work.ended(job, queue).state is State.FINISHED


def test_a_job_that_is_deleted_at_work_is_stopped_and_the_next_one_begins(
    queue: Settings, stalled: None, tmp_path: Path
) -> None:
    first = at_work.training(queue, tmp_path / "pictures", backbone="resnet50")
    at_work.until(lambda: at_work.said(first.job, "Downloading"))
    second = at_work.training(queue, tmp_path / "pictures", backbone="resnet50")
    worker = at_work.only(queue, "worker")
    runs.delete(first)
    at_work.until(lambda: not at_work.lives(worker), within=5)
    at_work.until(lambda: second.job.recorded().state is State.RUNNING)
    assert not first.path.exists()


def test_a_job_that_waits_without_a_dispatcher_gets_one_when_somebody_looks(
    queue: Settings, a_zip: Path
) -> None:
    job = JobFolder(queue.home / "uploads" / "forgotten")
    job.open(Order(kind="intake", arguments={"source": str(a_zip), "name": "shapes"}))
    Queue("intake", queue).add(job.path)
    assert scheduling.status(job, queue).state is State.QUEUED
    assert at_work.processes(queue) == []
    long_ago = time.time() - 2 * scheduling.PATIENCE_SECONDS
    job.write(job.recorded().model_copy(update={"queued_at": long_ago}))
    assert at_work.ended(job, queue).state is State.FINISHED


def test_a_job_that_never_reached_the_queue_is_interrupted(queue: Settings) -> None:
    job = JobFolder(queue.home / "uploads" / "lost")
    job.open(Order(kind="intake"))
    long_ago = time.time() - 2 * scheduling.PATIENCE_SECONDS
    job.write(job.recorded().model_copy(update={"queued_at": long_ago}))
    assert scheduling.status(job, queue).state is State.INTERRUPTED


def test_a_job_that_waits_is_seen_to_though_the_clock_was_set_back_a_day(
    queue: Settings, a_zip: Path
) -> None:
    job = JobFolder(queue.home / "uploads" / "tomorrow")
    job.open(Order(kind="intake", arguments={"source": str(a_zip), "name": "shapes"}))
    Queue("intake", queue).add(job.path)
    tomorrow = time.time() + 86400
    job.write(job.recorded().model_copy(update={"queued_at": tomorrow}))
    assert at_work.ended(job, queue).state is State.FINISHED


def test_the_queue_keeps_its_order_though_the_clock_was_set_back_a_day(settings: Settings) -> None:
    lane = Queue("train", settings)
    tomorrow = time.time_ns() + 86400 * 10**9
    (lane.path / f"{tomorrow:020d}-first").write_text(str(settings.home / "first"))
    lane.add(settings.home / "second")
    lane.add(settings.home / "third")
    assert [ticket.name.partition("-")[2] for ticket in lane.tickets()] == [
        "first",
        "second",
        "third",
    ]
