"""What whoever taught a run may do with it, and who may not."""

import re
import shutil
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from core import runs
from core.intake.uploads import Upload
from core.jobs import State
from core.runs.filenames import REPORT
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors
from tests.pages.visitor import Visitor
from ui import state
from ui.reports import owner

NAME = "<b>Roses</b> & **tulips**"


def open_menu(visitor: Visitor, run: Run) -> list[str]:
    """Open the menu of a run, if the page has one. Returns what can be pressed in it."""
    visitor.at.session_state[owner.MENU.format(run.id)] = True
    labels = visitor.rerun().buttons()
    return [label for label in labels if label in ("Save", "Publish", "Delete")]


@pytest.fixture
def owned(run: Run, public: None) -> tuple[Visitor, Run]:
    """Somebody with a finished run."""
    token = visitors.new_token()
    run.annotate(lambda annotations: annotations.named(NAME))
    visitors.set_owner(run.path, visitors.visitor_id(token))
    owner_visit = Visitor()
    owner_visit.at.session_state[state.VISITOR] = token
    return owner_visit, run


@pytest.mark.parametrize("location", ["list", "report"])
def test_a_name_and_tags_are_shown_unrendered_on_every_page(
    visitor: Visitor, run: Run, location: str
) -> None:
    visitor.open("reports", **({"run": run.id} if location == "report" else {}))
    open_menu(visitor, run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value(f"  {NAME} ")
    visitor.at.multiselect(key=owner.TAG.format(run.id)).set_value(["to keep", "*new*"])
    visitor.press("Save")
    assert run.annotations().name == NAME
    assert run.annotations().tags == ("to keep", "*new*")
    assert "Save" not in visitor.buttons()
    for page in (visitor.open("reports"), visitor.open("reports", run=run.id)):
        assert NAME in page.text()
        assert "*new*" in page.text()
        assert not [text for text in page.markdown_texts() if NAME in text or "*new*" in text]
    assert [title.value for title in visitor.at.title] != [NAME], "it would be rendered"
    assert NAME in visitor.open("train", run=run.id).text()
    assert any(NAME in option for option in visitor.open("predict").at.selectbox[0].options)


def test_without_a_name_a_run_is_called_after_its_pictures(visitor: Visitor, run: Run) -> None:
    run.annotate(lambda annotations: annotations.named(NAME))
    visitor.open("reports", run=run.id)
    open_menu(visitor, run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value("")
    visitor.press("Save")
    assert run.title == run.dataset().name


def test_a_name_that_cannot_be_saved_is_reported(visitor: Visitor, run: Run) -> None:
    (run.path / "annotations.json").mkdir()  # a file cannot replace a folder
    visitor.open("reports")
    open_menu(visitor, run)
    visitor.at.text_input(key=owner.NAME.format(run.id)).set_value("New")
    visitor.press("Save")
    assert "could not be stored" in visitor.text()
    assert "Save" in visitor.buttons()


def test_deleting_says_what_is_lost_first(visitor: Visitor, run: Run, host: Settings) -> None:
    visitor.open("reports", run=run.id)
    open_menu(visitor, run)
    assert run.path.is_dir()
    text = visitor.text()
    assert "its model and its report" in text
    assert re.search(r": [0-9.]+ [kM]B\.", text)
    assert "pictures that you uploaded are not part of it" in text
    visitor.press("Delete")
    assert not runs.list_runs(host)
    assert "was deleted" in visitor.text()
    assert [title.value for title in visitor.at.title] == [
        "How good is it, and where does it fail?"
    ]
    assert "No run with this id" in Visitor().open("reports", run=run.id).text()


def test_a_deletion_can_be_undone_until_the_run_is_swept(
    visitor: Visitor, run: Run, host: Settings
) -> None:
    run.annotate(lambda annotations: annotations.named("Mine"))
    headline = run.report().headline
    visitor.open("reports")
    open_menu(visitor, run)
    visitor.press("Delete")
    assert "Mine was deleted." in visitor.text()
    visitor.press("Undo")
    assert [listed_run.id for listed_run in runs.list_runs(host)] == [run.id]
    assert "was deleted" not in visitor.text()
    assert headline in visitor.open("reports", run=run.id).text()
    open_menu(visitor, run)
    visitor.press("Delete")
    shutil.rmtree(runs.folder(host) / f"{runs.store.TRASH}{run.id}")
    assert "Undo" not in visitor.rerun().buttons()


def test_a_deletion_that_can_no_longer_be_undone_is_reported_once(
    visitor: Visitor, run: Run, host: Settings
) -> None:
    visitor.open("reports")
    open_menu(visitor, run)
    visitor.press("Delete")
    shutil.rmtree(runs.folder(host) / f"{runs.store.TRASH}{run.id}")
    visitor.press("Undo")
    assert "removed for good" in visitor.text()
    assert "Undo" not in visitor.buttons()
    assert "removed for good" not in visitor.rerun().text()


@pytest.mark.parametrize(
    "ending",
    [
        *(State.QUEUED, State.FAILED, State.CANCELLED, State.INTERRUPTED),
        *(REPORT, "dataset.json", "manifest.json", "status.json"),
    ],
    ids=str,
)
def test_a_run_can_be_deleted_however_it_ended(
    visitor: Visitor, run_in: Callable[..., Run], ending: State | str, host: Settings
) -> None:
    run = run_in(ending, "Why.") if isinstance(ending, State) else run_in()
    if not isinstance(ending, State):
        (run.path / ending).write_bytes(b"{")
    visitor.open("reports", run=run.id)
    open_menu(visitor, run)
    if ending is State.QUEUED:
        assert "Delete" not in visitor.buttons()
        visitor.press("Cancel it")
        assert run.status(host).state is State.CANCELLED
        open_menu(visitor, run)
    visitor.press("Delete")
    assert not run.path.exists()


def test_a_visitor_with_the_link_can_read_and_not_change(public: None, run: Run) -> None:
    friend = Visitor().open("reports", run=run.id)
    assert run.report().headline in friend.text()
    assert not open_menu(friend, run)
    friend.press("All runs")
    assert len(friend.at.button) >= 1
    assert not open_menu(friend, run)


def test_a_visitor_with_the_link_cannot_cancel_and_does_not_see_the_log(
    public: None, run_in: Callable[..., Run]
) -> None:
    friend = Visitor().open("train", run=run_in(State.QUEUED).id)
    assert "Queued" in friend.text()
    assert "Cancel" not in friend.buttons()
    run = run_in(State.FAILED, "Memory ran out.")
    run.job.log_path.write_text("/home/host/tusker/core/training\n")
    friend = Visitor().open("reports", run=run.id)
    assert "Memory ran out." in friend.text()
    assert not friend.at.code


def test_only_the_visit_that_started_a_run_may_change_it(
    public: None, upload: Upload, host: Settings
) -> None:
    owner_visit = Visitor().open("train", upload=upload.id).press("Start training")
    (run,) = runs.list_runs(host)
    owner_visit.open("reports", run=run.id)
    assert open_menu(owner_visit, run) == ["Save"]
    assert "Cancel it" in owner_visit.buttons()
    assert not open_menu(Visitor().open("reports", run=run.id), run)


@pytest.mark.parametrize("view", ["Summary", "Certainty", "Data", "Export"])
def test_everybody_can_read_the_sample_and_nobody_can_change_it(
    visitor: Visitor, view: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs.SAMPLE.rglob("*")}
    sample = Run(runs.SAMPLE)
    assert not open_menu(visitor.open("reports"), sample)
    assert not open_menu(visitor.open("reports", run=sample.id, view=view), sample)
    assert not visitor.at.error
    assert "Sample" in visitor.text()
    assert {path: path.stat().st_mtime_ns for path in runs.SAMPLE.rglob("*")} == before


def test_a_published_run_is_listed_for_others_until_it_is_unpublished(
    owned: tuple[Visitor, Run],
) -> None:
    owner_visit, run = owned
    assert NAME in owner_visit.open("reports").text()
    assert NAME not in Visitor().open("reports").text()
    open_menu(owner_visit, run)
    assert "All visitors of this host will find" in owner_visit.text()
    assert not run.published, "it takes a second press"
    owner_visit.press("Publish")
    assert "Published" in owner_visit.text()

    other_visitor = Visitor().open("reports")
    assert NAME in other_visitor.text()
    open_menu(other_visitor, run)
    assert not {"Publish", "Unpublish", "Save", "Delete"} & set(other_visitor.buttons())
    assert any(NAME in option for option in Visitor().open("predict").at.selectbox[0].options)

    open_menu(owner_visit.open("reports"), run)
    assert "Those who kept its link can still open it" in owner_visit.text()
    owner_visit.press("Unpublish")
    assert not run.published
    assert NAME not in Visitor().open("reports").text()
    assert NAME in owner_visit.open("reports").text()


def test_without_a_cookie_the_list_says_that_a_reload_starts_a_new_visit(
    owned: tuple[Visitor, Run],
) -> None:
    owner_visit, _ = owned
    text = owner_visit.open("reports").text()
    assert "a reload starts a new visit" in text
    assert "deleted 30 days after they ended, unless they are published" in text
    assert NAME not in Visitor().open("reports").text(), "the session is another"


def test_with_a_cookie_the_list_says_that_runs_are_found_again(
    owned: tuple[Visitor, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = owned
    token = visitors.new_token()
    visitors.set_owner(run.path, visitors.visitor_id(token))

    context = SimpleNamespace(cookies={visitors.COOKIE: token}, timezone=None)
    monkeypatch.setattr("streamlit.context", context)
    text = Visitor().open("reports").text()
    assert NAME in text and "finds again by a cookie" in text
