"""The camera as a way to teach: classes are shown to it, and the model answers meanwhile."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core import live
from core.settings import Settings
from ui import live_camera, state
from ui.live_camera import capture, teaching_protocol

ENTRY = "teach.js"
MODEL = "what is shown"

_VIEW = st.components.v2.component(
    "tusker_teach_view",
    css=live_camera.source("camera.css") + live_camera.source("teach.css"),
    js=live_camera.source("loader.js"),
)


def show(settings: Settings) -> None:
    """The camera, the classes with their pictures, and what the model says meanwhile."""
    with st.spinner("Packing the model …"):
        capture.network_parts()
    _VIEW(key="teach view", data=_described(settings))


def line() -> None:
    """What carries questions and answers; for a fragment, since each question runs it again."""
    said = st.session_state.pop(state.TEACH_ANSWER, None) or teaching_protocol.news(
        capture.showing()
    )
    live_camera.LINE(key=state.TEACH_LINE, data=said, on_question_change=_hear)


def _described(settings: Settings) -> dict[str, Any]:
    network, runtime = capture.network(), live.runtime(settings)
    return {
        "entry": ENTRY,
        "sources": live_camera.sources(),
        "runtime": runtime.files if runtime else None,
        "model": {
            "id": MODEL,
            "size": network.size,
            "crop": network.crop,
            "parts": live_camera.described(capture.network_parts()),
        },
    }


def _hear() -> None:
    asked = st.session_state[state.TEACH_LINE].question
    if asked is None:
        return
    st.session_state[state.TEACH_ANSWER] = teaching_protocol.answer(
        asked, MODEL, capture.network(), capture.network_parts(), capture.showing()
    )
