import os
import time
from pathlib import Path

import pytest

from core.jobs import JobFolder, State
from core.jobs.events import Note
from core.jobs.folder import JobSpec, Status

SPEC = JobSpec(kind="train", arguments={"pictures": "somewhere"})


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    job = JobFolder(tmp_path / "job")
    job.open(SPEC)
    return job


def run_for(job: JobFolder, seconds: float) -> None:
    """Make a job look as if it had been running for some time."""
    started = {"state": State.RUNNING, "started_at": time.time() - seconds}
    job.write(job.recorded().model_copy(update=started))


def test_a_specification_is_read_back_and_queued(job: JobFolder) -> None:
    assert job.spec() == SPEC
    assert job.recorded().state is State.QUEUED
    assert job.exists


def test_a_job_measures_its_time(job: JobFolder) -> None:
    assert job.recorded().seconds is None
    run_for(job, 60)
    job.end(State.FINISHED)
    assert job.recorded().seconds == pytest.approx(60, abs=30)
    run_for(job, -3600)
    assert job.recorded().seconds == 0, "the clock was set back"


@pytest.mark.parametrize("content", [b"", b"{", b'{"state": "dancing"}', b"\xff\xfe"])
def test_a_damaged_status_is_a_failed_job_of_its_kind(tmp_path: Path, content: bytes) -> None:
    job = JobFolder(tmp_path / "job")
    job.open(JobSpec(kind="prepare"))
    for file, kind in (("status.json", "prepare"), ("order.json", "train")):
        (job.path / file).write_bytes(content)
        assert (job.recorded().state, job.recorded().kind) == (State.FAILED, kind)


def test_files_of_older_versions_are_read(job: JobFolder) -> None:
    (job.path / "status.json").write_text('{"state": "done", "kind": "adopt", "queued_at": 1}')
    assert job.recorded() == Status(state=State.FINISHED, kind="import", queued_at=1)
    (job.path / "order.json").write_text('{"kind": "adopt", "unknown": 1}')
    assert job.spec() == JobSpec(kind="import")


def test_a_new_job_removes_the_files_of_the_last_one(job: JobFolder) -> None:
    job.request_cancel()
    job.events.append(Note(sentence="Old."))
    job.log_path.write_text("old")
    job.end(State.FAILED, "Old.")
    job.open(JobSpec(kind="train"))
    assert not job.cancel_requested
    assert job.events.read() == ()
    assert job.log_tail() == ""
    assert (job.recorded().state, job.recorded().sentence) == (State.QUEUED, "")


def test_the_tail_of_a_log_is_its_last_lines(job: JobFolder) -> None:
    assert job.log_tail() == ""
    job.log_path.write_bytes(b"first\n" + b"\xff line\n" * 3 + b"last")
    assert job.log_tail(2) == "� line\nlast"


def test_only_hidden_files_are_cleared(job: JobFolder) -> None:
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
    left = {path.name for path in job.path.rglob("*")}
    assert left == {"labels.txt", "model", "order.json", "status.json"}
    assert (elsewhere / "kept").exists()


def test_a_deleted_folder_is_not_created_again(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "deleted")
    assert not job.worker_alive
    with job.try_lock() as locked:
        assert not locked
    job.request_cancel()
    assert not job.path.exists()


def test_the_lock_is_held_by_one_process_at_a_time(job: JobFolder) -> None:
    with job.try_lock() as locked:
        assert locked
        assert job.worker_alive, "a worker would have to wait"
    with job.lock(), job.try_lock() as locked:
        assert not locked


@pytest.mark.parametrize("state", [state for state in State if state.ended])
def test_only_an_interrupted_job_keeps_its_checkpoint(job: JobFolder, state: State) -> None:
    job.begin()
    job.checkpoint.write_bytes(b"half of it")
    job.end(state)
    assert job.checkpoint.exists() == (state is State.INTERRUPTED)


def test_the_seconds_of_interrupted_attempts_are_added_up(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    assert job.earlier_seconds == 0
    for spent in (0, 60, 120):
        job.open(SPEC)
        assert job.earlier_seconds == pytest.approx(spent, abs=30)
        run_for(job, 60)
        job.end(State.INTERRUPTED)
    job.reopen()
    assert job.earlier_seconds == pytest.approx(180, abs=30)
    job.open(JobSpec(kind="train"))
    assert job.earlier_seconds == 0, "another job"


def test_the_time_of_a_lost_worker_ends_with_its_last_activity(job: JobFolder) -> None:
    run_for(job, 3600)
    last = time.time() - 3540
    for path in job.path.iterdir():
        os.utime(path, (last, last))
    job.reopen()
    assert job.earlier_seconds == pytest.approx(60, abs=30)


def test_the_reason_for_waiting_is_recorded_only_while_a_job_waits(job: JobFolder) -> None:
    job.set_waiting_reason("It waits for a machine.")
    assert job.recorded().sentence == "It waits for a machine."
    for _ in range(2):
        job.begin()
        assert (job.recorded().state, job.recorded().sentence) == (State.RUNNING, "")
        job.set_waiting_reason("It waits for a machine.")
