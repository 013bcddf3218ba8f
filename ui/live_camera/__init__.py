"""A live view of the camera whose model runs in the visitor's browser, or here where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import backbones, live
from core.live import Part
from core.model import heatmap
from core.model.classifier import Classifier
from core.settings import Settings
from ui import resources, state, text
from ui.live_camera.protocol import answer

FOLDER = Path(__file__).parent
ENTRY = "camera.js"
APART = ("loader.js", "line.js")
"""Modules that Streamlit itself starts; the others are linked by the loader."""


def source(name: str) -> str:
    """Text of a file of this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


_VIEW = st.components.v2.component(
    "tusker_live_view", css=source("camera.css"), js=source("loader.js")
)
LINE = st.components.v2.component("tusker_live_line", js=source("line.js"))


def sources() -> dict[str, str]:
    """The modules that the loader links, by name."""
    return {p.name: source(p.name) for p in sorted(FOLDER.glob("*.js")) if p.name not in APART}


def described(parts: Mapping[str, Part]) -> dict[str, dict[str, object]]:
    """By which a browser knows the parts of a model before it has them."""
    return {
        name: {"sha256": part.sha256, "bytes": len(part.content)} for name, part in parts.items()
    }


def show(model: str, count: int, settings: Settings) -> None:
    """The camera, what the model says of it frame by frame, and the line that brings the model.

    Args:
        model: name of a backbone or id of a run, ready to answer.
        count: answers to show.
    """
    with st.spinner("Packing the model …"):
        resources.live_parts(model)
    _VIEW(key="live view", data=_described(model, count, settings))
    _line(model)


def _described(model: str, count: int, settings: Settings) -> dict[str, Any]:
    """All that the view begins with; the model itself comes over the line when asked for."""
    classifier, parts = resources.classifier(model), resources.live_parts(model)
    runtime = live.runtime(settings)
    return {
        "entry": ENTRY,
        "sources": sources(),
        "count": count,
        "ramp": heatmap.RAMP,
        "runtime": runtime.files if runtime else None,
        "model": {
            "id": model,
            "title": text.plain(classifier.title),
            "size": classifier.size,
            "crop": classifier.crop,
            "threshold": classifier.threshold,
            "check": _check(model, classifier),
            "parts": described(parts),
        },
    }


def _check(model: str, classifier: Classifier) -> dict[str, Any] | None:
    """What a camera check needs; None where there are no training pictures of the visitor's."""
    if backbones.known(model):
        return None
    lacking = live.NOT_KEPT if classifier.appearance is None else ""
    return {"frames": live.FRAMES, "lacking": lacking}


@st.fragment
def _line(model: str) -> None:
    """Only this runs again for a question; apart from the view, so that an answer is small."""
    said = st.session_state.pop(state.LIVE_ANSWER, None)
    LINE(key=state.LIVE_LINE, data=said, on_question_change=lambda: _hear(model))


def _hear(model: str) -> None:
    asked = st.session_state[state.LIVE_LINE].question
    if asked is None:
        return
    parts = resources.live_parts(model)
    said = answer(asked, model, resources.classifier(model), parts)
    st.session_state[state.LIVE_ANSWER] = said
