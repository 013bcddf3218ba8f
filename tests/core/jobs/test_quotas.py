import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import runs
from core.errors import LimitExceeded
from core.intake import uploads
from core.jobs import JobFolder, State, enqueue, quotas, scheduling
from core.jobs.folder import JobSpec, Status
from core.runs import store
from core.settings import MEGABYTE, Settings
from core.system import visitors

ME, OTHER = (visitors.visitor_id(digit * 32) for digit in "01")


@pytest.fixture
def public(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A public host with low limits that runs no jobs."""
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    limits = {
        "disk_megabytes": 4,
        "visitor_megabytes": 2,
        "visitor_pictures": 3,
        "visitor_minutes": 10.0,
        "visitor_jobs": 2,
    }
    return settings.model_copy(update=limits)


def fill(host: Settings, name: str, by: str, *, megabytes: int = 0, pictures: int = 0) -> Path:
    """Create a folder of a visitor."""
    folder = host.home / name / visitors.new_token()
    (folder / "pictures").mkdir(parents=True)
    (folder / "much").write_bytes(bytes(megabytes * MEGABYTE))
    for number in range(pictures):
        (folder / "pictures" / str(number)).touch()
    visitors.set_owner(folder, by)
    return folder


def train(host: Settings, by: str, *, minutes: float, hours_ago: float) -> None:
    """Create a finished training of a visitor."""
    ended = time.time() - 3600 * hours_ago
    times = {"queued_at": 0, "started_at": ended - 60 * minutes, "ended_at": ended}
    job = JobFolder(fill(host, "runs", by))
    job.write(Status(state=State.FINISHED, kind="train", **times))


@pytest.mark.parametrize(
    ("exhaust", "message"),
    [
        (
            lambda host: fill(host, "brought", OTHER, megabytes=4),
            r"at most 4 MB .*holds 4 MB.*TUSKER_DISK_MEGABYTES",
        ),
        (
            lambda host: fill(host, "runs", ME, megabytes=2),
            r"at most 2 MB .*holds 2 MB .*TUSKER_VISITOR_MEGABYTES",
        ),
        (
            lambda host: fill(host, "uploads", ME, pictures=3),
            r"at most 3 pictures .*holds 3 .*2 hours.*TUSKER_VISITOR_PICTURES",
        ),
    ],
    ids=["the host's disk", "a visitor's disk", "a visitor's pictures"],
)
def test_an_upload_over_the_limit_is_refused_and_leaves_no_files(
    public: Settings, exhaust: Callable[[Settings], Path], message: str
) -> None:
    folder = exhaust(public)
    with pytest.raises(LimitExceeded, match=message):
        uploads.store(lambda path: path.write_bytes(b"PK"), "zip", public, by=ME)
    with pytest.raises(LimitExceeded, match=message):
        uploads.unpack(io.BytesIO(b"PK"), public, by=ME)
    home = public.home / "uploads"
    assert not home.exists() or list(home.iterdir()) in ([], [folder])
    quotas.check_space("", public.model_copy(update={"mode": "personal"}))


def test_the_files_of_others_do_not_count_for_a_visitor(public: Settings) -> None:
    fill(public, "runs", OTHER, megabytes=3)
    fill(public, "uploads", OTHER, pictures=9)
    quotas.check_space(ME, public)
    quotas.check_pictures(ME, public)


def test_the_training_minutes_of_the_last_24_hours_count(public: Settings) -> None:
    train(public, ME, minutes=9, hours_ago=1)
    train(public, ME, minutes=500, hours_ago=25)
    train(public, OTHER, minutes=500, hours_ago=1)
    quotas.check_minutes(ME, public)
    train(public, ME, minutes=2, hours_ago=23)
    with pytest.raises(LimitExceeded, match=r"at most 10 minutes.* 11 .*TUSKER_VISITOR_MINUTES"):
        quotas.check_minutes(ME, public)


def test_minutes_after_a_training_gave_way_do_not_count(public: Settings) -> None:
    train(public, ME, minutes=60, hours_ago=1)
    (path,) = runs.folder(public).iterdir()
    job = JobFolder(path)
    status = job.recorded()
    assert status.started_at is not None
    gave_way_at = {"gave_way_at": status.started_at + 9 * 60}
    job.write(status.model_copy(update=gave_way_at))
    quotas.check_minutes(ME, public)
    with pytest.raises(LimitExceeded, match=r"has trained 9 "):
        quotas.check_minutes(ME, public.model_copy(update={"visitor_minutes": 8.0}))


def test_the_minutes_of_a_deleted_run_count_and_so_do_earlier_attempts(public: Settings) -> None:
    train(public, ME, minutes=6, hours_ago=2)
    (path,) = runs.folder(public).iterdir()
    job = JobFolder(path)
    job.write(job.recorded().model_copy(update={"earlier_seconds": 120.0}))
    path = path.rename(path.with_name(store.TRASH + path.name))
    os.utime(path, (0, 0))
    runs.sweep(public)
    assert not path.exists()
    quotas.check_minutes(ME, public)
    train(public, ME, minutes=2, hours_ago=1)
    with pytest.raises(LimitExceeded, match=r"at most 10 minutes.* 10 "):
        quotas.check_minutes(ME, public)
    quotas.check_minutes(OTHER, public)
    quotas.check_minutes("", public)


def test_the_jobs_of_a_visitor_in_all_queues_count(public: Settings) -> None:
    first = enqueue(public.home / "uploads" / "a", JobSpec(kind="intake"), public, by=ME)
    enqueue(runs.folder(public) / "b", JobSpec(kind="train"), public, by=ME)
    third = runs.folder(public) / "c"
    with pytest.raises(LimitExceeded, match=r"at most 2 jobs.* 2 .*TUSKER_VISITOR_JOBS"):
        enqueue(third, JobSpec(kind="train"), public, by=ME)
    assert not third.exists()
    enqueue(third, JobSpec(kind="train"), public, by=OTHER)
    first.end(State.FINISHED)
    enqueue(runs.folder(public) / "d", JobSpec(kind="train"), public, by=ME)
