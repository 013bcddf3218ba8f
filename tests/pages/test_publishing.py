"""A run of one's own is published to all on a public host, and taken back."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from core.runs.run import Run
from core.system import visitors
from tests.pages.visitor import Visitor
from ui import state

NAME = "<b>Roses</b>"


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with many visitors."""
    monkeypatch.setenv("TUSKER_MODE", "public")


@pytest.fixture
def owned(run_in: Callable[..., Run]) -> tuple[Visitor, Run]:
    """Somebody with a finished run."""
    run, token = run_in(), visitors.new_token()
    run.annotate(lambda said: said.named(NAME))
    visitors.set_owner(run.path, visitors.visitor_id(token))
    owner = Visitor()
    owner.at.session_state[state.VISITOR] = token
    return owner, run


def ask(visitor: Visitor, run: Run) -> None:
    visitor.at.button(key=f"publish {run.id}").click()
    visitor.see()


def test_others_find_it_once_it_is_published_and_no_longer_once_it_is_taken_back(
    owned: tuple[Visitor, Run],
) -> None:
    owner, run = owned
    assert NAME in owner.open("reports").reads()
    assert NAME not in Visitor().open("reports").reads()
    ask(owner, run)
    assert "Everybody on this host will find" in owner.reads()
    assert not run.published, "it takes a second press"
    owner.press("Publish it")
    assert "published" in owner.reads()

    other = Visitor().open("reports")
    assert NAME in other.reads()
    keys = [button.key or "" for button in other.at.button]
    assert not [key for key in keys if key.startswith(("publish ", "edit ", "delete "))]
    assert any(NAME in option for option in Visitor().open("predict").at.selectbox[0].options)

    ask(owner.open("reports"), run)
    assert "Whoever kept its link can still open it" in owner.reads()
    owner.press("Take it back")
    assert not run.published
    assert NAME not in Visitor().open("reports").reads()
    assert NAME in owner.open("reports").reads()


def test_who_thinks_better_of_it_keeps_it_to_themselves(owned: tuple[Visitor, Run]) -> None:
    owner, run = owned
    ask(owner.open("reports"), run)
    owner.press("Keep it to myself")
    assert not run.published and "Publish it" not in owner.buttons()


def test_others_cannot_publish_it_even_by_pressing_what_is_not_there(
    owned: tuple[Visitor, Run],
) -> None:
    _, run = owned
    friend = Visitor().open("reports", run=run.id)
    friend.at.session_state[state.ASKED] = ("publish", run.id)
    assert "Publish it" not in friend.see().buttons()


def test_without_a_cookie_the_list_says_that_a_reload_forgets(owned: tuple[Visitor, Run]) -> None:
    owner, _ = owned
    said = owner.open("reports").reads()
    assert "a reload forgets who you are" in said
    assert "deleted 30 days after they ended, unless they are published" in said
    assert NAME not in Visitor().open("reports").reads(), "the session is another"


def test_with_a_cookie_it_says_that_the_browser_finds_them_again(
    owned: tuple[Visitor, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = owned
    token = visitors.new_token()
    visitors.set_owner(run.path, visitors.visitor_id(token))

    monkeypatch.setattr("streamlit.context", SimpleNamespace(cookies={visitors.COOKIE: token}))
    said = Visitor().open("reports").reads()
    assert NAME in said and "finds again by a cookie" in said
