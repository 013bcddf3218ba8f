"""A bug in a page or in a callback is an apology, also without the server launcher."""

from collections.abc import Iterator

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.browser.server import ROOT, Server, start
from tests.sessions.client import Session
from ui import frame

SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import streamlit as st
from ui import frame, internals

def fail():
    raise RuntimeError("a path of the host")

internals.handle_errors(frame.apologise)
st.button("Press", on_click=fail)
if "page" in st.query_params:
    fail()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("errors")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    with start(folder / "home", app=script) as running:
        yield running


@pytest.mark.parametrize("source", ["a page", "a callback"])
def test_a_bug_is_an_apology_with_an_id_that_is_in_the_log(server: Server, source: str) -> None:
    with Session(server.url) as session:
        session.open()
        if source == "a page":
            session.open(query="page=1")
        else:
            button = next(e.button for e in session.elements if e.HasField("button"))
            session.open(widgets=(WidgetState(id=button.id, trigger_value=True),))
        (body,) = [e.alert.body for e in session.elements if e.HasField("alert")]
        assert body.startswith(frame.SORRY.partition("{")[0])
        assert not [e for e in session.elements if e.HasField("exception")]
        assert b"a path of the host" not in session.everything()
        bug_id = body.rstrip(".").rpartition(" ")[2]
        assert f"bug {bug_id}" in server.log.read_text(errors="replace")
