"""What whoever taught a run may do with it, and who may not."""

import shutil
from collections.abc import Callable

import pytest

from core import runs
from core.intake.uploads import Upload
from core.jobs import State
from core.runs.annotations import NAME_LENGTH, TAG_LENGTH
from core.runs.run import REPORT, Run
from core.settings import Settings
from tests.pages.visitor import Visitor
from ui import state
from ui.reports import owner

NAME = "<b>Roses</b> & **tulips**"


def ask(visitor: Visitor, what: str, run: Run) -> None:
    visitor.at.button(key=f"{what} {run.id}").click()
    visitor.see()


def controls(visitor: Visitor) -> list[str]:
    """What the page lets this visitor do, as keys of its buttons."""
    keys = [button.key or "" for button in visitor.at.button]
    return [key for key in keys if key.startswith(("edit ", "delete "))]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with many visitors."""
    monkeypatch.setenv("TUSKER_MODE", "public")


@pytest.mark.parametrize("place", ["list", "report"])
def test_a_run_gets_a_name_and_tags_that_every_page_shows_letter_by_letter(
    visitor: Visitor, run_in: Callable[..., Run], place: str
) -> None:
    run = run_in()
    visitor.open("reports", **({"run": run.id} if place == "report" else {}))
    ask(visitor, "edit", run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value(f"  {NAME} ")
    visitor.at.multiselect(key=owner.TAG.format(run.id)).set_value(["to keep", "*new*"])
    visitor.press("Save")
    assert run.annotations().name == NAME
    assert run.annotations().tags == ("to keep", "*new*")
    assert "Save" not in visitor.buttons()
    for page in (visitor.open("reports"), visitor.open("reports", run=run.id)):
        assert NAME in page.reads()
        assert "*new*" in page.reads()
        assert not [text for text in page.marked() if NAME in text or "*new*" in text]
    assert [title.value for title in visitor.at.title] != [NAME], "it would be rendered"
    assert NAME in visitor.open("train", run=run.id).reads()
    assert any(NAME in option for option in visitor.open("predict").at.selectbox[0].options)


def test_a_name_that_is_emptied_is_that_of_the_pictures_again(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    run.annotate(lambda said: said.named(NAME))
    visitor.open("reports", run=run.id)
    ask(visitor, "edit", run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value("")
    visitor.press("Save")
    assert run.title == run.dataset().name


def test_whatever_a_browser_sends_is_cut_to_size(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    visitor.open("reports")
    ask(visitor, "edit", run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value("n" * 500)
    visitor.at.multiselect(key=owner.TAG.format(run.id)).set_value(["t" * 500, " ", "t" * 501])
    visitor.press("Save")
    assert run.annotations().name == "n" * NAME_LENGTH
    assert run.annotations().tags == ("t" * TAG_LENGTH,)


def test_a_name_that_cannot_be_kept_is_not_lost_without_a_word(
    visitor: Visitor, run_in: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    run = run_in()
    monkeypatch.setattr("core.runs.annotations.write", full)
    visitor.open("reports")
    ask(visitor, "edit", run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value("New")
    visitor.press("Save")
    assert owner.NOT_SAVED in visitor.reads()
    assert "Save" in visitor.buttons()


def test_deleting_takes_a_second_press_and_says_what_goes(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    run = run_in()
    visitor.open("reports", run=run.id)
    ask(visitor, "delete", run)
    assert run.path.is_dir()
    said = visitor.reads()
    assert "its model and its report" in said
    assert "kB" in said
    assert "pictures that you uploaded are not part of it" in said
    visitor.press("Keep it")
    assert run.path.is_dir()
    ask(visitor, "delete", run)
    visitor.press("Delete it")
    assert not runs.list_runs(host)
    assert "was deleted" in visitor.reads()
    assert [title.value for title in visitor.at.title] == [
        "How good is it, and where does it fail?"
    ]
    assert "No run with this id" in Visitor().open("reports", run=run.id).reads()


def test_a_slip_is_undone(visitor: Visitor, run_in: Callable[..., Run], host: Settings) -> None:
    run = run_in()
    run.annotate(lambda said: said.named("Mine"))
    headline = run.report().headline
    visitor.open("reports")
    ask(visitor, "delete", run)
    visitor.press("Delete it")
    assert "Mine was deleted." in visitor.reads()
    visitor.press("Undo")
    assert [each.id for each in runs.list_runs(host)] == [run.id]
    assert "was deleted" not in visitor.reads()
    assert headline in visitor.open("reports", run=run.id).reads()


def test_what_is_gone_for_good_cannot_be_undone(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    run = run_in()
    visitor.open("reports")
    ask(visitor, "delete", run)
    visitor.press("Delete it")
    shutil.rmtree(runs.folder(host) / f"{runs.TRASH}{run.id}")
    visitor.see()
    assert "Undo" not in visitor.buttons()


def test_a_run_at_work_is_cancelled_before_it_is_deleted(
    visitor: Visitor, run_in: Callable[..., Run], host: Settings
) -> None:
    run = run_in(State.QUEUED)
    visitor.open("reports", run=run.id)
    ask(visitor, "delete", run)
    assert "is still at work. Cancel it first, then delete it." in visitor.reads()
    assert "Delete it" not in visitor.buttons()
    visitor.press("Cancel it")
    assert run.status(host).state is State.CANCELLED
    ask(visitor, "delete", run)
    visitor.press("Delete it")
    assert not run.path.exists()


@pytest.mark.parametrize("name", [REPORT, "dataset.json", "manifest.json", "status.json"])
def test_a_damaged_run_can_be_deleted_from_its_page(
    visitor: Visitor, run_in: Callable[..., Run], name: str
) -> None:
    run = run_in()
    (run.path / name).write_bytes(b"{")
    visitor.open("reports", run=run.id)
    ask(visitor, "delete", run)
    visitor.press("Delete it")
    assert not run.path.exists()


@pytest.mark.parametrize("ended", [State.FAILED, State.CANCELLED, State.INTERRUPTED], ids=str)
def test_a_run_that_ended_early_can_be_deleted(
    visitor: Visitor, run_in: Callable[..., Run], ended: State
) -> None:
    run = run_in(ended, "Why.")
    visitor.open("reports", run=run.id)
    ask(visitor, "delete", run)
    assert "its settings" in visitor.reads()
    visitor.press("Delete it")
    assert not run.path.exists()


def test_whoever_opened_a_link_may_read_and_change_nothing(
    public: None, run_in: Callable[..., Run]
) -> None:
    run = run_in()
    friend = Visitor().open("reports", run=run.id)
    assert run.report().headline in friend.reads()
    assert not controls(friend)
    friend.press("All runs")
    assert len(friend.at.button) >= 1
    assert not controls(friend)
    # Not even by pressing what is not there.
    friend.at.session_state[state.ASKED] = ("delete", run.id)
    friend.see()
    assert "Delete it" not in friend.buttons()


def test_whoever_opened_a_link_cannot_stop_a_training(
    public: None, run_in: Callable[..., Run]
) -> None:
    run = run_in(State.QUEUED)
    friend = Visitor().open("train", run=run.id)
    assert "waits for its turn" in friend.reads()
    assert "Cancel" not in friend.buttons()


def test_whoever_opened_a_link_reads_why_a_training_failed_but_not_its_log(
    public: None, run_in: Callable[..., Run]
) -> None:
    run = run_in(State.FAILED, "Memory ran out.")
    run.job.log_path.write_text("/home/host/tusker/core/training\n")
    friend = Visitor().open("reports", run=run.id)
    assert "Memory ran out." in friend.reads()
    assert not friend.at.code


def test_whoever_started_a_run_may_change_it_in_this_visit_alone(
    public: None, upload: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.scheduling.start_dispatcher", lambda *_: None)
    mine = Visitor().open("train", upload=upload.id).press("Start learning")
    (run,) = runs.list_runs(host)
    assert len(controls(mine.open("reports", run=run.id))) == 2
    assert not controls(Visitor().open("reports", run=run.id))


@pytest.mark.parametrize("view", ["Summary", "Certainty", "Data", "Export"])
def test_the_sample_is_anybodys_to_read_and_nobodys_to_change(visitor: Visitor, view: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.SAMPLE.rglob("*")}
    visitor.open("reports")
    assert not controls(visitor)
    visitor.open("reports", run=runs.SAMPLE.name, view=view)
    assert not controls(visitor)
    assert not visitor.at.error
    assert "sample" in visitor.reads()
    assert {path: path.stat().st_mtime_ns for path in runs.SAMPLE.rglob("*")} == before
