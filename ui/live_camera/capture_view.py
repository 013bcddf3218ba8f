"""Capture pictures of classes with the camera while a model is trained on them."""

from __future__ import annotations

import streamlit as st

from core.settings import Settings
from ui import live_camera, state
from ui.live_camera import capture, capture_protocol

MODEL = "capture"
"""Id by which requests name the model."""
CLASSES = 10
"""Most probabilities beside the picture."""

_VIEW = st.components.v2.component(
    "tusker_capture_view",
    css=live_camera.source("camera.css") + live_camera.source("capture.css"),
    js=live_camera.source("loader.js"),
)


def show(settings: Settings) -> None:
    """Show the camera, the classes with their pictures, and the prediction of each frame."""
    with st.spinner("Packing the model …"):
        parts = capture.network_parts()
    data = live_camera.view_data("capture_view.js", MODEL, capture.network(), parts, settings)
    _VIEW(key="capture view", data=data | {"count": CLASSES})


def transport() -> None:
    """Carry requests and responses. Call this in a fragment: each request reruns it."""
    response = st.session_state.pop(state.CAPTURE_RESPONSE, None)
    live_camera.TRANSPORT(
        key=state.CAPTURE_TRANSPORT,
        data=response or capture_protocol.change_notice(capture.showing()),
        on_request_change=_respond,
    )


def _respond() -> None:
    request = st.session_state[state.CAPTURE_TRANSPORT].request
    if request is not None:
        st.session_state[state.CAPTURE_RESPONSE] = capture_protocol.answer(
            request, MODEL, capture.network(), capture.network_parts(), capture.showing()
        )
