"""The files of one job."""

import os
import time
from pathlib import Path

import pytest

from core.jobs import JobFolder, State
from core.jobs.events import Note
from core.jobs.folder import Order


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "job")
    job.open(Order(kind="train", arguments={"pictures": "somewhere"}))
    return job


def test_an_order_reads_back_as_it_was_given(job: JobFolder) -> None:
    assert job.order() == Order(kind="train", arguments={"pictures": "somewhere"})
    assert job.recorded().state is State.QUEUED
    assert job.exists


def test_the_times_of_a_job_are_kept(job: JobFolder) -> None:
    assert job.recorded().seconds is None
    job.begin()
    job.end(State.FINISHED)
    status = job.recorded()
    assert status.seconds is not None and 0 <= status.seconds < 5


def test_a_clock_that_was_set_back_gives_no_negative_time(job: JobFolder) -> None:
    job.write(job.recorded().model_copy(update={"started_at": time.time() + 3600}))
    assert job.recorded().seconds == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "dancing"}', b"\xff\xfe"])
def test_a_damaged_status_is_a_failed_job(job: JobFolder, content: bytes) -> None:
    (job.path / "status.json").write_bytes(content)
    assert job.recorded().state is State.FAILED
    assert job.recorded().sentence == "Its status cannot be read."


def test_a_new_order_in_a_folder_forgets_the_old_job(job: JobFolder) -> None:
    job.request_cancel()
    job.events.append(Note(sentence="Old."))
    job.log_path.write_text("old")
    job.end(State.FAILED, "Old.")
    job.open(Order(kind="train"))
    assert not job.cancel_requested
    assert job.events.read() == ()
    assert job.log_tail() == ""
    assert (job.recorded().state, job.recorded().sentence) == (State.QUEUED, "")


def test_the_tail_of_a_log_is_its_last_lines_whatever_is_in_it(job: JobFolder) -> None:
    assert job.log_tail() == ""
    job.log_path.write_bytes(b"first\n" + b"\xff line\n" * 3 + b"last")
    assert job.log_tail(2) == "� line\nlast"


def test_clearing_takes_what_is_half_written_and_nothing_else(job: JobFolder) -> None:
    (job.path / ".features-x" / "train").mkdir(parents=True)
    (job.path / ".features-x" / "train" / "cuts.npy").write_bytes(b"much")
    (job.path / "model").mkdir()
    (job.path / "model" / ".half.classifier.keras").write_bytes(b"half")
    (job.path / "model" / "labels.txt").write_text("cat")
    elsewhere = job.path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (job.path / ".link").symlink_to(elsewhere)
    job.clear()
    assert sorted(path.name for path in job.path.rglob("*")) == [
        "labels.txt",
        "model",
        "order.json",
        "status.json",
    ]
    assert (elsewhere / "kept").exists()


def test_one_who_looks_whether_a_worker_alive_does_not_bring_a_deleted_folder_back(
    tmp_path: Path,
) -> None:
    job = JobFolder(tmp_path / "deleted")
    assert not job.worker_alive
    with job.try_lock() as free:
        assert not free
    job.request_cancel()
    assert not job.path.exists()


def test_nobody_begins_while_the_folder_is_known_to_be_unattended(job: JobFolder) -> None:
    with job.try_lock() as free:
        assert free
        assert job.worker_alive, "the lock is held, so a worker would have to wait"
    with job.lock(), job.try_lock() as free:
        assert not free


@pytest.mark.parametrize("state", [state for state in State if state.ended])
def test_only_what_was_interrupted_keeps_what_it_could_go_on_from(
    tmp_path: Path, state: State
) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(Order(kind="train"))
    job.begin()
    job.checkpoint.write_bytes(b"half of it")
    job.end(state)
    assert job.checkpoint.exists() == (state is State.INTERRUPTED)


def test_time_that_was_spent_before_it_broke_off_counts(tmp_path: Path) -> None:
    job, order = JobFolder(tmp_path / "job"), Order(kind="train", arguments={"pictures": "here"})
    assert job.spent == 0
    for spent in (0, 60, 120):
        job.open(order)
        assert job.spent == pytest.approx(spent, abs=1)
        began = time.time() - 60
        ran = {"state": State.RUNNING, "started_at": began}
        job.write(job.recorded().model_copy(update=ran))
        job.end(State.INTERRUPTED)
    job.reopen()
    assert job.spent == pytest.approx(180, abs=1)
    job.open(order.model_copy(update={"arguments": {"pictures": "elsewhere"}}))
    assert job.spent == 0


def test_of_a_machine_that_was_lost_counts_the_time_until_it_was_last_heard_of(
    tmp_path: Path,
) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(Order(kind="train"))
    began = time.time() - 3600
    ran = {"state": State.RUNNING, "started_at": began}
    job.write(job.recorded().model_copy(update=ran))
    for path in job.path.iterdir():
        os.utime(path, (began + 60, began + 60))
    job.reopen()
    assert job.spent == pytest.approx(60, abs=1)


def test_why_a_job_waits_is_said_until_it_begins_and_not_after(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(Order(kind="train"))
    job.set_waiting_reason("It waits for a machine.")
    assert job.recorded().sentence == "It waits for a machine."
    job.begin()
    assert (job.recorded().state, job.recorded().sentence) == (State.RUNNING, "")
    job.set_waiting_reason("It waits for a machine.")
    assert (job.recorded().state, job.recorded().sentence) == (State.RUNNING, "")
