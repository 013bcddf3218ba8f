"""A run of one's own is published to all on a public host, and taken back."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from core.runs.run import Run
from core.system import visitors
from tests.pages.visitor import Visitor
from ui import state
from ui.reports.owner import MENU

NAME = "<b>Roses</b>"


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with many visitors."""
    monkeypatch.setenv("TUSKER_MODE", "public")


@pytest.fixture
def owned(run_in: Callable[..., Run]) -> tuple[Visitor, Run]:
    """Somebody with a finished run."""
    run, token = run_in(), visitors.new_token()
    run.annotate(lambda annotations: annotations.named(NAME))
    visitors.set_owner(run.path, visitors.visitor_id(token))
    owner = Visitor()
    owner.at.session_state[state.VISITOR] = token
    return owner, run


def open_menu(visitor: Visitor, run: Run) -> None:
    visitor.at.session_state[MENU.format(run.id)] = True
    visitor.rerun()


def test_a_published_run_is_listed_for_others_until_it_is_unpublished(
    owned: tuple[Visitor, Run],
) -> None:
    owner, run = owned
    assert NAME in owner.open("reports").text()
    assert NAME not in Visitor().open("reports").text()
    open_menu(owner, run)
    assert "All visitors of this host will find" in owner.text()
    assert not run.published, "it takes a second press"
    owner.press("Publish")
    assert "Published" in owner.text()

    other_visitor = Visitor().open("reports")
    assert NAME in other_visitor.text()
    open_menu(other_visitor, run)
    assert not {"Publish", "Unpublish", "Save", "Delete"} & set(other_visitor.buttons())
    assert any(NAME in option for option in Visitor().open("predict").at.selectbox[0].options)

    open_menu(owner.open("reports"), run)
    assert "Those who kept its link can still open it" in owner.text()
    owner.press("Unpublish")
    assert not run.published
    assert NAME not in Visitor().open("reports").text()
    assert NAME in owner.open("reports").text()


def test_without_a_cookie_the_list_says_that_a_reload_starts_a_new_visit(
    owned: tuple[Visitor, Run],
) -> None:
    owner, _ = owned
    text = owner.open("reports").text()
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
