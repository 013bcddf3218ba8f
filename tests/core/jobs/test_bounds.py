"""What a worker may take of the machine, and how many there are at once."""

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from core import backbones
from core.backbones import serving
from core.jobs import JobFolder, State, enqueue, scheduling, workers
from core.jobs.folder import Order
from core.jobs.queue import slot
from core.jobs.workers import worker_environment
from core.settings import Settings
from tests.core.jobs import at_work

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not bound it")


def test_no_worker_gets_the_token_of_the_endpoint(settings: Settings) -> None:
    given = worker_environment(settings.model_copy(update={"api_token": "secret token"}))
    assert "TUSKER_API_TOKEN" not in given
    assert "secret token" not in given.values()


@linux
def test_a_worker_has_so_much_address_space(queue: Settings, stalled: None) -> None:
    bounded = queue.model_copy(update={"worker_megabytes": 9_000})
    at_work.stalled_preparation(bounded)
    at_work.until(lambda: at_work.processes(bounded, "worker"))
    worker = at_work.only(bounded, "worker")
    at_work.until(lambda: worker.rlimit(resource.RLIMIT_AS)[0] == 9_000 * 1024**2)


@linux
def test_a_worker_stands_back_for_the_pages(queue: Settings, stalled: None) -> None:
    job = at_work.stalled_preparation(queue)
    at_work.until(lambda: job.recorded().state is State.RUNNING)
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert at_work.only(queue, "worker").nice() == min(19, mine + workers.NICENESS)


@linux
def test_on_a_machine_of_ones_own_a_worker_is_not_bounded(queue: Settings, stalled: None) -> None:
    mine = queue.model_copy(update={"mode": "personal"})
    job = at_work.stalled_preparation(mine)
    at_work.until(lambda: job.recorded().state is State.RUNNING)
    worker = at_work.only(mine, "worker")
    assert worker.rlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


@linux
def test_a_worker_that_needs_more_fails_in_a_sentence(queue: Settings) -> None:
    bounded = queue.model_copy(update={"worker_megabytes": 900})
    order = Order(kind="prepare", arguments={"backbone": "tiny"})
    job = enqueue(serving.kept_in(backbones.get("tiny"), bounded), order, bounded)
    status = at_work.ended(job, bounded)
    assert status.state is State.FAILED
    assert "emory" in status.sentence, (status.sentence, job.log_tail())
    assert "TUSKER_WORKER_MEGABYTES" in status.sentence


def test_no_more_jobs_are_at_work_than_the_host_allows(settings: Settings) -> None:
    two = settings.model_copy(update={"jobs_at_once": 2})
    at_once, most, lock = 0, 0, threading.Lock()
    (settings.home / "queue").mkdir(parents=True)

    def work() -> None:
        nonlocal at_once, most
        with slot(two):
            with lock:
                at_once += 1
                most = max(most, at_once)
            time.sleep(0.1)
            with lock:
                at_once -= 1

    workers = [threading.Thread(target=work) for _ in range(5)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(timeout=20)
    assert most == 2


def test_with_one_seat_a_job_of_another_kind_waits_and_can_be_cancelled(
    queue: Settings, stalled: None, a_zip: Path
) -> None:
    one = queue.model_copy(update={"jobs_at_once": 1})
    slow = at_work.stalled_preparation(one)
    at_work.until(lambda: slow.recorded().state is State.RUNNING)
    waiting = at_work.some_intake(one, "shapes", a_zip)
    time.sleep(2 * 0.5)
    assert scheduling.status(waiting, one).state is State.QUEUED
    scheduling.cancel(waiting, one)
    assert waiting.recorded().state is State.CANCELLED
    scheduling.cancel(slow, one)
    assert at_work.ended(slow, one).state is State.CANCELLED


@pytest.mark.parametrize(
    ("code", "last"),
    [
        (1, "OpenBLAS error: Memory allocation still failed after 10 retries, giving up."),
        (1, "ImportError: libx.so: failed to map segment from shared object"),
        (-signal.SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'"),
        (-signal.SIGABRT, ""),
    ],
)
def test_however_a_library_says_that_it_got_no_memory_it_is_one_sentence(
    settings: Settings, code: int, last: str
) -> None:
    job = JobFolder(settings.home / "job")
    job.open(Order(kind="train"))
    job.begin()
    job.log_path.write_text(f"begins\n{last}\n")
    job.end(*workers.explain_exit(code, job.log_tail(5), settings))
    assert "24,000 MB of address space" in job.recorded().sentence
    assert "TUSKER_WORKER_MEGABYTES" in job.recorded().sentence
