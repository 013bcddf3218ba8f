"""What one visitor, and all together, may take of a public host; each refusal names its limit."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core import runs
from core.errors import LimitExceeded
from core.intake import uploads
from core.jobs import JobFolder, State, enqueue, quotas, scheduling
from core.jobs.folder import Order, Status
from core.settings import MEGABYTE, Settings
from core.system import visitors

ME, OTHER = (visitors.mark_of(digit * 32) for digit in "01")


@pytest.fixture
def public(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A small public host on which nobody works."""
    monkeypatch.setattr(scheduling, "start_dispatcher", lambda *_: None)
    return settings.model_copy(
        update={
            "disk_megabytes": 4,
            "visitor_megabytes": 2,
            "visitor_pictures": 3,
            "visitor_minutes": 10.0,
            "visitor_jobs": 2,
        }
    )


def holding(host: Settings, place: str, by: str, *, megabytes: int = 0, pictures: int = 0) -> Path:
    folder = host.home / place / visitors.new_token()
    (folder / "pictures").mkdir(parents=True)
    (folder / "much").write_bytes(bytes(megabytes * MEGABYTE))
    for number in range(pictures):
        (folder / "pictures" / str(number)).touch()
    visitors.mark(folder, by)
    return folder


def trained(host: Settings, by: str, *, minutes: float, hours_ago: float) -> None:
    folder = holding(host, "runs", by)
    ended = time.time() - 3600 * hours_ago
    job = JobFolder(folder)
    job.write(
        Status(
            state=State.FINISHED,
            kind="train",
            queued_at=0,
            started_at=ended - 60 * minutes,
            ended_at=ended,
        )
    )


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (
            lambda host: holding(host, "brought", OTHER, megabytes=4),
            r"at most 4 MB .*holds 4 MB.*TUSKER_DISK_MEGABYTES",
        ),
        (
            lambda host: holding(host, "runs", ME, megabytes=2),
            r"at most 2 MB for one visitor.*holds 2 MB of yours.*TUSKER_VISITOR_MEGABYTES",
        ),
        (
            lambda host: holding(host, "uploads", ME, pictures=3),
            r"at most 3 pictures for one visitor.*holds 3.*2 hours.*TUSKER_VISITOR_PICTURES",
        ),
    ],
    ids=["the host's disk", "a visitor's disk", "a visitor's pictures"],
)
def test_where_it_is_full_an_upload_is_refused_and_leaves_nothing(
    public: Settings, fill: Callable[[Settings], Path], says: str
) -> None:
    full = fill(public)
    with pytest.raises(LimitExceeded, match=says):
        uploads.take_zip(io.BytesIO(b"PK"), "zip", public, by=ME)
    with pytest.raises(LimitExceeded, match=says):
        uploads.unpack(io.BytesIO(b"PK"), public, by=ME)
    home = public.home / "uploads"
    assert not home.exists() or list(home.iterdir()) in ([], [full])
    # On a machine of one's own there is no such limit.
    quotas.check_space("", public.model_copy(update={"mode": "personal"}))


def test_what_others_have_counts_for_the_host_and_not_for_the_visitor(public: Settings) -> None:
    holding(public, "runs", OTHER, megabytes=3)
    holding(public, "uploads", OTHER, pictures=9)
    quotas.check_space(ME, public)


def test_minutes_of_the_last_day_are_counted_and_older_ones_forgotten(public: Settings) -> None:
    trained(public, ME, minutes=9, hours_ago=1)
    trained(public, ME, minutes=500, hours_ago=25)
    trained(public, OTHER, minutes=500, hours_ago=1)
    quotas.check_minutes(ME, public)
    trained(public, ME, minutes=2, hours_ago=23)
    with pytest.raises(
        LimitExceeded, match=r"at most 10 minutes in 24 hours.*11 for you.*TUSKER_VISITOR_MINUTES"
    ):
        quotas.check_minutes(ME, public)


def test_a_visitor_has_so_many_jobs_in_hand_of_whatever_kind(public: Settings) -> None:
    first = enqueue(public.home / "uploads" / "a", Order(kind="intake"), public, by=ME)
    enqueue(runs.folder(public) / "b", Order(kind="train"), public, by=ME)
    refused = runs.folder(public) / "c"
    with pytest.raises(
        LimitExceeded, match=r"at most 2 jobs of one visitor.*has 2 of yours.*TUSKER_VISITOR_JOBS"
    ):
        enqueue(refused, Order(kind="train"), public, by=ME)
    assert not refused.exists()
    enqueue(refused, Order(kind="train"), public, by=OTHER)
    first.end(State.FINISHED)
    enqueue(runs.folder(public) / "d", Order(kind="train"), public, by=ME)
