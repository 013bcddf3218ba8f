"""A visitor who clicks at random, also twice and too early, meets no error on any page."""

import random
from collections import deque
from pathlib import Path

import pytest
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.browser.server import ROOT, start
from tests.sessions.client import Session
from tests.shapes import draw, encoded, shapes_zip

PAGES = ("predict", "train", "reports")
ACTIONS = 120
TEXTS = ("", "x", "ü <b>", "9" * 50, "../..", "3")
LAST = 10
"""Actions that a failure names."""


def changed(element: Element, chance: random.Random) -> WidgetState | None:
    """A widget with another value; None where there is nothing to choose."""
    kind = element.WhichOneof("type") or ""
    widget = getattr(element, kind, None)
    if widget is None or getattr(widget, "disabled", False):
        return None
    state = WidgetState(id=getattr(widget, "id", ""))
    if kind == "button":
        state.trigger_value = True
    elif kind == "checkbox":
        state.bool_value = chance.random() < 0.5
    elif kind in ("radio", "selectbox") and widget.options:
        state.string_value = chance.choice(widget.options)
    elif kind == "multiselect":
        count = chance.randint(0, min(3, len(widget.options)))
        state.string_array_value.data.extend(chance.sample(list(widget.options), count))
    elif kind == "text_input":
        state.string_value = chance.choice(TEXTS)
    else:
        return None
    return state


def files(
    session: Session, archive: bytes, picture: bytes, chance: random.Random
) -> list[WidgetState]:
    """The first uploader with a file of a kind that it takes; empty without one."""
    for element in session.elements:
        if element.HasField("file_uploader"):
            kinds = ",".join(element.file_uploader.type)
            choices = [("a.zip", archive)] if "zip" in kinds else [("a.jpg", picture)]
            if "image" in kinds:
                choices.append(("a.jpg", picture))
            return [session.upload(*chance.choice(choices))]
    return []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["personal", "public"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_visitor_meets_no_error(tmp_path: Path, mode: str, seed: int) -> None:
    archive, picture = shapes_zip(tmp_path, per_class=6).read_bytes(), encoded(draw(1, size=200))
    chance, page = random.Random(seed), "train"
    done: deque[str] = deque(maxlen=LAST)
    app = ROOT / "server.py"
    with start(tmp_path / "home", app=app, TUSKER_MODE=mode) as host, Session(host.url) as session:
        session.open(page)
        for _ in range(ACTIONS):
            choice = chance.random()
            widgets = [w for e in session.elements if (w := changed(e, chance)) is not None]
            if choice < 0.1 or not widgets:
                page, session.address = chance.choice(PAGES), ""
                done.append(f"open {page}")
                session.open(page)
            else:
                uploads = files(session, archive, picture, chance) if choice < 0.2 else []
                widget = (uploads or [chance.choice(widgets)])[0]
                done.append(f"{page}?{session.address}: {widget}")
                session.send_twice(page, session.address, widget, 0.05 * chance.random())
            alerts = [e.alert.body for e in session.elements if e.HasField("alert")]
            assert not any(e.HasField("exception") for e in session.elements), "\n".join(done)
            assert not any("Sorry" in alert for alert in alerts), "\n".join([*done, *alerts])
