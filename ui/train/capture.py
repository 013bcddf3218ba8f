"""What a visitor shows to the camera, and the network that looks at it while they stay."""

import streamlit as st

from core import capture as room
from core import live
from core.capture import CaptureSession
from core.live import Part
from core.model.classifier import Classifier
from ui import resources


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def showing() -> CaptureSession:
    """What this visitor shows to the camera; in memory, and gone with the visit."""
    return CaptureSession(network(), resources.settings())


@st.cache_resource(show_spinner="Loading the model …")
def network() -> Classifier:
    """What looks at pictures that are shown; the same for all visitors."""
    return room.network(resources.settings(), resources.open_model)


@st.cache_resource(max_entries=1, ttl=resources.PACKED_SECONDS, show_spinner=False)
def network_parts() -> dict[str, Part]:
    """The network that looks at what is shown, as a browser takes it."""
    asked = network()
    return {"head": live.head(asked), "trunk": resources.shared_trunk(asked.file)}
