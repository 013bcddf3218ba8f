"""Capture pictures of classes with the camera while a model is trained on them."""

import streamlit as st

from core.capture.session import CaptureSession, open_network
from core.live import parts
from core.live.parts import Part
from core.model.classifier import Classifier
from core.settings import Settings
from ui import live_camera, resources, state
from ui.live_camera import capture_protocol

MODEL = "capture"
"""Id by which requests name the model."""
CLASSES = 10
"""Most probabilities beside the picture."""

_VIEW = st.components.v2.component(
    "tusker_capture_view",
    css=live_camera.source("camera.css") + live_camera.source("capture.css"),
    js=live_camera.source("loader.js"),
)


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def session() -> CaptureSession:
    """The capture session of this visitor. It is in memory only and ends with the visit."""
    return CaptureSession(network(), resources.settings())


@st.cache_resource(show_spinner="Loading the model …")
def network() -> Classifier:
    """The network that embeds captured pictures; the same for all visitors."""
    return open_network(resources.settings(), resources.open_model)


@st.cache_resource(max_entries=1, ttl=resources.PACKED_SECONDS, show_spinner=False)
def network_parts() -> dict[str, Part]:
    """That network, packed for the browser."""
    classifier = network()
    return {"head": parts.head(classifier), "trunk": resources.shared_trunk(classifier.file)}


def show(settings: Settings) -> None:
    """Show the camera, the classes with their pictures, and the prediction of each frame."""
    with st.spinner("Packing the model …"):
        parts = network_parts()
    data = live_camera.view_data("capture_view.js", MODEL, network(), parts, settings)
    _VIEW(key="capture view", data=data | {"count": CLASSES})


def transport() -> None:
    """Carry requests and responses. Call this in a fragment: each request reruns it."""
    live_camera.transport(
        state.CAPTURE_TRANSPORT,
        lambda request: capture_protocol.answer(
            request, MODEL, network(), network_parts(), session()
        ),
        capture_protocol.change_notice(session()),
    )
