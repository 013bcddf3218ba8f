"""Files that arrive: dropped with their uploader, unless a page keeps them."""

from pathlib import Path

import pytest

from core.errors import NotEnoughResources
from core.intake.arrivals import Arrivals, NotOffered
from core.settings import Settings
from core.system import capacity


@pytest.fixture
def arrivals(tmp_path: Path) -> Arrivals:
    return Arrivals(Settings(home=tmp_path))


def arrive(arrivals: Arrivals, session: str, file: str) -> Path:
    arrivals.offer(session, [file])
    with arrivals.receive(session, file) as path:
        arrivals.count(session, file, 1)
        path.write_bytes(b"x")
    return path


def test_a_dropped_file_is_deleted(arrivals: Arrivals) -> None:
    path = arrive(arrivals, "visitor", "a")
    assert arrivals.path("a") == path
    arrivals.drop("visitor", "a")
    assert not path.exists() and arrivals.path("a") is None


def test_a_kept_file_outlives_its_uploader_until_others_are_kept(arrivals: Arrivals) -> None:
    first, second = (arrive(arrivals, "visitor", name) for name in ("a", "b"))
    arrivals.keep("visitor", ["a", "b"])
    arrivals.drop("visitor", "a")
    assert first.exists()
    arrivals.keep("visitor", ["b"])
    assert not first.exists() and second.exists(), "only the one that its uploader has dropped"
    arrivals.keep("visitor", [])
    assert second.exists(), "it is still in its uploader"
    arrivals.drop("visitor", "b")
    assert not second.exists()


def test_a_visitor_who_leaves_takes_kept_files_along_and_no_others(arrivals: Arrivals) -> None:
    mine, other = arrive(arrivals, "visitor", "a"), arrive(arrivals, "other", "b")
    arrivals.keep("visitor", ["a"])
    arrivals.keep("other", ["b"])
    arrivals.drop("visitor", "a")
    arrivals.drop("visitor")
    assert not mine.exists() and other.exists()


def test_what_fails_to_arrive_again_is_deleted_even_if_it_is_kept(arrivals: Arrivals) -> None:
    path = arrive(arrivals, "visitor", "a")
    arrivals.keep("visitor", ["a"])
    with pytest.raises(OSError, match="gone"), arrivals.receive("visitor", "a"):
        raise OSError("the client has gone")
    assert not path.exists()


def test_only_offered_files_may_arrive(arrivals: Arrivals) -> None:
    with pytest.raises(NotOffered), arrivals.receive("visitor", "a"):
        pass


def test_nothing_arrives_on_a_full_disk(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "free_disk", lambda _: capacity.RESERVE - 1)
    with pytest.raises(NotEnoughResources, match="disk of this host is full"):
        arrive(arrivals, "visitor", "a")
    assert arrivals.path("a") is None
