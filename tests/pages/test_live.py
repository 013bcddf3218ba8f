"""The page of a run that is not finished: what happened, what was kept, what can be done."""

import errno
import os
from collections.abc import Callable

import pytest

from core import runs
from core.checks import Finding
from core.checks.findings import Severity
from core.intake import uploads
from core.intake.uploads import Upload
from core.jobs import State
from core.jobs.events import Epoch
from core.jobs.folder import Order
from core.jobs.queue import Queue
from core.runs.run import MANIFEST, REPORT, Run
from core.settings import Settings
from tests.core.trainings import Trained
from tests.pages.visitor import Visitor

AGAIN = "Start again with the same settings"
GO_ON = "Go on"
OTHERS = "Other pictures"
HEADINGS = {
    State.QUEUED: "It waits for its turn",
    State.RUNNING: "It is learning",
    State.FAILED: "It failed",
    State.CANCELLED: "It was stopped",
    State.INTERRUPTED: "It broke off",
}
SENTENCE = "Memory ran out. Try a smaller *batch*."
EARLY = (State.FAILED, State.CANCELLED, State.INTERRUPTED)


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is ordered stays in its queue."""
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)


@pytest.fixture
def stopped(
    run_in: Callable[..., Run], upload: Upload, trained: Trained, host: Settings
) -> Callable[..., Run]:
    """`stopped(State.FAILED)`: a run that ended early, whose pictures are still here."""

    def make(state: State) -> Run:
        run = run_in(State.QUEUED)
        run.job.open(Order(kind="train", arguments={"pictures": str(upload.pictures)}))
        run.job.begin()
        for event in trained.said:
            if isinstance(event, Epoch):
                run.job.events.append(event)
                break
        run.job.end(state, SENTENCE)
        return run

    return make


def subheaders(visitor: Visitor) -> list[str]:
    return [each.value for each in visitor.at.subheader]


@pytest.mark.parametrize("state", EARLY, ids=str)
def test_what_ended_early_has_words_of_its_own_and_says_what_was_kept(
    visitor: Visitor, stopped: Callable[..., Run], state: State
) -> None:
    visitor.open("reports", run=stopped(state).id)
    assert subheaders(visitor) == [HEADINGS[state]]
    said = visitor.reads()
    assert SENTENCE in said
    assert not [text for text in visitor.marked() if SENTENCE in text], "it would be rendered"
    assert "No model came of it" in said
    assert "another start is faster" in said
    assert len(visitor.charts()) == 1, "how far it came"
    way_on = GO_ON if state is State.INTERRUPTED else AGAIN
    for way in (way_on, "Same pictures, other settings", OTHERS, "All runs"):
        assert way in visitor.buttons()
    assert "Try it" not in visitor.buttons()


def test_what_waits_and_what_learns_have_words_of_their_own(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    visitor.open("reports", run=run_in(State.QUEUED).id)
    assert subheaders(visitor) == [HEADINGS[State.QUEUED]]
    assert "it begins by itself" in visitor.reads()
    assert AGAIN not in visitor.buttons()
    learning = run_in(State.RUNNING)
    with learning.job.lock().acquire():
        visitor.open("reports", run=learning.id)
        assert subheaders(visitor) == [HEADINGS[State.RUNNING]]
        assert "the training goes on" in visitor.reads()
        assert "Cancel" in visitor.buttons()


@pytest.mark.parametrize("page", ["reports", "train"])
def test_the_same_is_started_again_at_a_press(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, page: str
) -> None:
    run = stopped(State.FAILED)
    run.write_findings((Finding(severity=Severity.WARNS, code="few", sentence="Few."),))
    visitor.open(page, run=run.id).press(AGAIN)
    (new,) = [each for each in runs.list_runs(host) if each.id != run.id]
    assert visitor.at.query_params["run"] == new.id
    assert new.status(host).state is State.QUEUED
    assert new.config() == run.config()
    assert new.dataset() == run.dataset()
    assert new.findings() == run.findings()
    assert new.job.order().arguments == run.job.order().arguments
    assert run.status(host).state is State.FAILED


@pytest.mark.parametrize("page", ["reports", "train"])
def test_what_broke_off_goes_on_at_a_press_in_its_own_folder(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, page: str
) -> None:
    run = stopped(State.INTERRUPTED)
    (run.path / "model").mkdir()
    (run.path / "model" / "half.keras").touch()
    other = Visitor().open(page, run=run.id)
    visitor.open(page, run=run.id).press(GO_ON)
    other.press(GO_ON)
    assert [each.id for each in runs.list_runs(host)] == [run.id]
    assert run.status(host).state is State.QUEUED
    assert len(Queue("train", host).tickets()) == 1, "two tabs, one job"
    assert not run.model_folder.exists()
    assert subheaders(visitor) == [HEADINGS[State.QUEUED]]
    assert GO_ON not in visitor.buttons()


def test_what_broke_off_cannot_go_on_without_its_pictures(
    visitor: Visitor, stopped: Callable[..., Run], upload: Upload, host: Settings
) -> None:
    run = stopped(State.INTERRUPTED)
    visitor.open("reports", run=run.id)
    uploads.delete(upload)
    visitor.press(GO_ON)
    assert "are no longer here" in visitor.reads()
    assert "Upload them again" in visitor.reads()
    assert run.status(host).state is State.INTERRUPTED


def test_a_training_that_does_not_fit_on_the_disk_says_so(
    visitor: Visitor, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    visitor.open("train", upload=upload.id)
    monkeypatch.setattr("core.runs.run.Run.write_findings", full)
    visitor.press("Start learning")
    assert "could not be stored on this host (No space left on device)" in visitor.reads()
    assert runs.list_runs(host) == ()


def test_why_it_cannot_be_started_again_is_said(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped(State.FAILED)
    (run.path / "config.json").write_bytes(b"{")
    visitor.open("reports", run=run.id).press(AGAIN)
    assert "config.json of this run is damaged" in visitor.reads()
    assert [each.id for each in runs.list_runs(host)] == [run.id]


def test_the_same_pictures_lead_to_their_settings_and_others_to_the_start(
    visitor: Visitor, stopped: Callable[..., Run], upload: Upload
) -> None:
    run = stopped(State.FAILED)
    visitor.open("reports", run=run.id).press("Same pictures, other settings")
    assert "Start learning" in visitor.buttons()
    assert visitor.at.query_params == {"upload": upload.id}
    visitor.open("reports", run=run.id).press(OTHERS)
    assert [each.value for each in visitor.at.title] == ["Teach it your own classes"]
    assert "Start learning" not in visitor.buttons()


def test_pictures_that_are_gone_must_be_uploaded_again(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    visitor.open("reports", run=run_in(State.FAILED, SENTENCE).id)
    assert "Its pictures are no longer here. To try again, upload them again." in visitor.reads()
    assert AGAIN not in visitor.buttons()
    assert OTHERS in visitor.buttons()


def test_nobody_uses_the_pictures_of_another_visitor(
    stopped: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    stranger = Visitor().open("reports", run=stopped(State.FAILED).id)
    assert SENTENCE in stranger.reads()
    assert AGAIN not in stranger.buttons()
    stranger = Visitor().open("reports", run=stopped(State.INTERRUPTED).id)
    assert GO_ON not in stranger.buttons(), "who goes on with a run owns it"
    assert "Same pictures, other settings" not in stranger.buttons()


@pytest.mark.parametrize("page", ["reports", "train"])
@pytest.mark.parametrize("spoiled", [REPORT, "dataset.json", "config.json"])
def test_a_damaged_run_says_which_file_and_what_that_means(
    visitor: Visitor, run_in: Callable[..., Run], page: str, spoiled: str
) -> None:
    run = run_in()
    (run.path / spoiled).write_bytes(b"{")
    visitor.open(page, run=run.id)
    assert subheaders(visitor) == ["It is damaged"]
    said = visitor.reads()
    assert f"{spoiled} of this run" in said
    assert "its model is not asked" in said
    assert str(run.path) in [code.value for code in visitor.at.code]
    assert "Try it" not in visitor.buttons()


def test_a_run_that_has_lost_its_manifest_is_damaged(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    (run.path / MANIFEST).unlink()
    visitor.open("reports", run=run.id)
    assert subheaders(visitor) == ["It is damaged"]
    assert "its manifest is damaged" in visitor.reads()


def test_where_a_run_lies_is_not_told_to_visitors_of_a_host(
    run_in: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_MODE", "public")
    run = run_in()
    (run.path / REPORT).write_bytes(b"{")
    visitor = Visitor().open("reports", run=run.id)
    assert subheaders(visitor) == ["It is damaged"]
    assert not visitor.at.code
