"""A live view of the camera whose model runs in the visitor's browser, or on the server."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core import backbones
from core.live import camera_check, runtime
from core.live.parts import Part
from core.model import heatmap
from core.model.classifier import Classifier
from core.settings import Settings
from ui import resources, state
from ui.live_camera.protocol import answer

FOLDER = Path(__file__).parent
STARTED_BY_STREAMLIT = ("loader.js", "transport.js")
"""The other modules are linked by the loader."""


def source(name: str) -> str:
    """Text of a file of this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


_VIEW = st.components.v2.component(
    "tusker_live_view", css=source("camera.css"), js=source("loader.js")
)
_TRANSPORT = st.components.v2.component("tusker_live_transport", js=source("transport.js"))


def show(model: str, count: int, settings: Settings) -> None:
    """Show the camera and the model's prediction of each frame."""
    with st.spinner("Packing the model …"):
        parts = resources.live_parts(model)
    classifier = resources.classifier(model)
    data = view_data("prediction_view.js", model, classifier, parts, settings)
    missing = camera_check.NOT_KEPT if classifier.appearance is None else ""
    check = {"frames": camera_check.FRAMES, "missing": missing}
    data["model"] |= {
        "threshold": classifier.decision.threshold,
        # A backbone has no pictures to compare with.
        "check": None if backbones.known(model) else check,
    }
    _VIEW(key="live view", data=data | {"count": count, "ramp": heatmap.RAMP})
    _live_transport(model)


def transport(
    key: str, respond: Callable[[object], bytes | None], idle: bytes | None = None
) -> None:
    """Carry requests and responses. Call this in a fragment: each request reruns it.

    Args:
        idle: what the browser gets between two responses.
    """

    response_key = f"{key}_response"

    def answer_request() -> None:
        request = st.session_state[key].request
        if request is not None:
            st.session_state[response_key] = respond(request)

    data = st.session_state.pop(response_key, None) or idle
    _TRANSPORT(key=key, data=data, on_request_change=answer_request)


def view_data(
    entry: str, model: str, classifier: Classifier, parts: Mapping[str, Part], settings: Settings
) -> dict[str, Any]:
    """Data that both views start with. The parts of the model are sent when they are requested.

    Args:
        entry: the module that opens the view.
        model: id by which requests name the model.
    """
    modules = sorted(FOLDER.glob("*.js"))
    return {
        "entry": entry,
        "sources": {p.name: source(p.name) for p in modules if p.name not in STARTED_BY_STREAMLIT},
        "runtime": runtime.files(settings),
        "model": {
            "id": model,
            "size": classifier.size,
            "crop": classifier.crop,
            "parts": {
                name: {"sha256": part.sha256, "bytes": len(part.content)}
                for name, part in parts.items()
            },
        },
    }


@st.fragment
def _live_transport(model: str) -> None:
    def opened() -> tuple[Classifier, Mapping[str, Part]]:
        return resources.classifier(model), resources.live_parts(model)

    transport(state.LIVE_TRANSPORT, lambda request: answer(request, model, opened))
