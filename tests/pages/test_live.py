"""The page of a run that is not finished: what happened, what was kept, what can be done."""

import errno
import os
import shutil
from collections.abc import Callable

import pytest

from core import runs
from core.checks import Finding, Severity
from core.intake.uploads import Upload
from core.jobs import State
from core.jobs.events import Epoch
from core.jobs.folder import JobSpec
from core.jobs.queue import Queue
from core.runs.filenames import MANIFEST, REPORT
from core.runs.run import Run
from core.settings import Settings
from tests.core.trainings import TrainedRun
from tests.pages.visitor import Visitor

START_AGAIN = "Start again with the same settings"
CONTINUE = "Continue"
OTHER_PICTURES = "Other pictures"
HEADINGS = {
    State.QUEUED: "Queued",
    State.RUNNING: "Training",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
    State.INTERRUPTED: "Interrupted",
}
SENTENCE = "Memory ran out. Try a smaller *batch*."
ENDED_EARLY = (State.FAILED, State.CANCELLED, State.INTERRUPTED)


@pytest.fixture
def stopped(
    run_in: Callable[..., Run], upload: Upload, trained_run: TrainedRun, host: Settings
) -> Callable[..., Run]:
    """`stopped(State.FAILED)`: a run that ended early, whose pictures are still here."""

    def make(state: State) -> Run:
        run = run_in(State.QUEUED)
        run.job.open(JobSpec(kind="train", arguments={"pictures": str(upload.pictures)}))
        run.job.begin()
        for event in trained_run.events:
            if isinstance(event, Epoch):
                run.job.events.append(event)
                break
        run.job.end(state, SENTENCE)
        return run

    return make


@pytest.mark.parametrize("state", ENDED_EARLY, ids=str)
def test_a_run_that_ended_early_says_why_and_what_was_kept(
    visitor: Visitor, stopped: Callable[..., Run], state: State
) -> None:
    run = stopped(state)
    run.job.log_path.write_text("the last words of the worker\n")
    visitor.open("reports", run=run.id)
    assert visitor.headings() == [HEADINGS[state]]
    log = [] if state is State.CANCELLED else ["the last words of the worker"]
    assert [code.value for code in visitor.at.code] == log
    text = visitor.text()
    assert SENTENCE in text
    assert not [text for text in visitor.markdown_texts() if SENTENCE in text], (
        "it would be rendered"
    )
    assert "There is no model" in text
    assert "a new start is faster" in text
    assert len(visitor.charts()) == 1, "how far it came"
    main_button = CONTINUE if state is State.INTERRUPTED else START_AGAIN
    for label in (main_button, "Same pictures, other settings", OTHER_PICTURES, "All runs"):
        assert label in visitor.buttons()
    assert "Try it" not in visitor.buttons()
    listed = Visitor().open("reports", state=HEADINGS[state])
    assert [b.key for b in listed.at.button if b.key.startswith("open ")] == [f"open {run.id}"]
    assert HEADINGS[state] in listed.text()


def test_a_queued_run_can_be_cancelled_and_one_without_a_worker_was_interrupted(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    queued = run_in(State.QUEUED)
    visitor.open("reports", run=queued.id)
    assert visitor.headings() == ["Queued"]
    assert START_AGAIN not in visitor.buttons()
    visitor.press("Cancel")
    assert visitor.headings() == ["Cancelled"]
    assert "before it began" in visitor.at.info[0].value
    assert queued.status(host).state is State.CANCELLED
    visitor.open("reports", run=run_in(State.RUNNING).id)
    assert visitor.headings() == ["Interrupted"]


def test_a_sentence_that_only_repeats_the_heading_is_not_shown(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    visitor.open("reports", run=run_in(State.CANCELLED, "Cancelled.").id)
    assert visitor.headings() == ["Cancelled"]
    assert not visitor.at.info


@pytest.mark.parametrize("page", ["reports", "train"])
def test_a_failed_run_is_repeated_with_one_press(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, page: str
) -> None:
    run = stopped(State.FAILED)
    run.findings.write((Finding(severity=Severity.WARNS, code="few", sentence="Few."),))
    visitor.open(page, run=run.id).press(START_AGAIN)
    (new,) = [item for item in runs.list_runs(host) if item.id != run.id]
    assert visitor.at.query_params["run"] == new.id
    assert new.status(host).state is State.QUEUED
    assert new.config() == run.config()
    assert new.dataset() == run.dataset()
    assert new.findings() == run.findings()
    assert new.job.spec().arguments == run.job.spec().arguments
    assert run.status(host).state is State.FAILED


@pytest.mark.parametrize("page", ["reports", "train"])
def test_an_interrupted_run_continues_in_its_folder(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, page: str
) -> None:
    run = stopped(State.INTERRUPTED)
    (run.path / "model").mkdir()
    (run.path / "model" / "half.keras").touch()
    second_tab = Visitor().open(page, run=run.id)
    visitor.open(page, run=run.id).press(CONTINUE)
    second_tab.press(CONTINUE)
    assert [item.id for item in runs.list_runs(host)] == [run.id]
    assert run.status(host).state is State.QUEUED
    assert len(Queue("train", host).tickets()) == 1, "two tabs, one job"
    assert not run.model_folder.exists()
    assert visitor.headings() == [HEADINGS[State.QUEUED]]
    assert CONTINUE not in visitor.buttons()


def test_an_interrupted_run_cannot_continue_without_its_pictures(
    visitor: Visitor, stopped: Callable[..., Run], upload: Upload, host: Settings
) -> None:
    run = stopped(State.INTERRUPTED)
    visitor.open("reports", run=run.id)
    shutil.rmtree(upload.path)
    visitor.press(CONTINUE)
    assert "are no longer here" in visitor.text()
    assert "Upload them again" in visitor.text()
    assert run.status(host).state is State.INTERRUPTED


def test_a_training_that_does_not_fit_on_the_disk_says_so(
    visitor: Visitor, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    visitor.open("train", upload=upload.id)
    monkeypatch.setattr("core.runs.artifacts.JsonFile.write", full)
    visitor.press("Start training")
    assert "could not be stored on this host (No space left on device)" in visitor.text()
    assert runs.list_runs(host) == ()


def test_a_run_that_cannot_be_repeated_says_why(
    visitor: Visitor, stopped: Callable[..., Run], host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stopped(State.FAILED)
    (run.path / "config.json").write_bytes(b"{")
    visitor.open("reports", run=run.id).press(START_AGAIN)
    assert "config.json of this run cannot be read" in visitor.text()
    assert [item.id for item in runs.list_runs(host)] == [run.id]


def test_same_pictures_lead_to_the_settings_and_other_pictures_to_the_start(
    visitor: Visitor, stopped: Callable[..., Run], upload: Upload
) -> None:
    run = stopped(State.FAILED)
    visitor.open("reports", run=run.id).press("Same pictures, other settings")
    assert "Start training" in visitor.buttons()
    assert visitor.at.query_params == {"upload": upload.id}
    visitor.open("reports", run=run.id).press(OTHER_PICTURES)
    assert [item.value for item in visitor.at.title] == ["Train your own classes"]
    assert "Start training" not in visitor.buttons()


def test_deleted_pictures_must_be_uploaded_again(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    visitor.open("reports", run=run_in(State.FAILED, SENTENCE).id)
    assert "Its pictures are no longer here. To try again, upload them again." in visitor.text()
    assert START_AGAIN not in visitor.buttons()
    assert OTHER_PICTURES in visitor.buttons()


def test_a_visitor_cannot_use_the_pictures_of_another(
    stopped: Callable[..., Run], public: None
) -> None:
    other_visitor = Visitor().open("reports", run=stopped(State.FAILED).id)
    assert SENTENCE in other_visitor.text()
    assert START_AGAIN not in other_visitor.buttons()
    other_visitor = Visitor().open("reports", run=stopped(State.INTERRUPTED).id)
    assert CONTINUE not in other_visitor.buttons(), "who goes on with a run owns it"
    assert "Same pictures, other settings" not in other_visitor.buttons()


@pytest.mark.parametrize("page", ["reports", "train"])
@pytest.mark.parametrize("damaged_file", [REPORT, "dataset.json", "config.json", MANIFEST])
def test_a_damaged_run_says_which_file_and_what_that_means(
    visitor: Visitor, run: Run, page: str, damaged_file: str
) -> None:
    if damaged_file == MANIFEST:
        (run.path / damaged_file).unlink()
    else:
        (run.path / damaged_file).write_bytes(b"{")
    visitor.open(page, run=run.id)
    assert visitor.headings() == ["Damaged"]
    text = visitor.text()
    assert f"{damaged_file} of this run" in text
    assert "so they are not used" in text
    assert str(run.path) in [code.value for code in visitor.at.code]
    assert "Try it" not in visitor.buttons()


def test_visitors_of_a_host_do_not_see_the_path_of_a_run(run: Run, public: None) -> None:
    (run.path / REPORT).write_bytes(b"{")
    visitor = Visitor().open("reports", run=run.id)
    assert visitor.headings() == ["Damaged"]
    assert not visitor.at.code


def test_a_queued_run_says_how_many_are_ahead_of_it(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    first, second, third = (run_in(State.QUEUED) for _ in range(3))
    for queued in (first, second, third):
        Queue("train", host).add(queued.path)
    for queued, expected in ((second, "1 training is ahead"), (third, "2 trainings are ahead")):
        visitor.open("train", run=queued.id)
        assert any(bar.startswith(f"{expected} of yours") for bar in visitor.bars())
