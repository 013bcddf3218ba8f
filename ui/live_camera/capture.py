"""The capture session of a visitor, and the network that embeds its pictures."""

import streamlit as st

from core.capture.network import network as load_network
from core.capture.session import CaptureSession
from core.live import parts
from core.live.parts import Part
from core.model.classifier import Classifier
from ui import resources


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def showing() -> CaptureSession:
    """The capture session of this visitor. It is in memory only and ends with the visit."""
    return CaptureSession(network(), resources.settings())


@st.cache_resource(show_spinner="Loading the model …")
def network() -> Classifier:
    """The network that embeds captured pictures; the same for all visitors."""
    return load_network(resources.settings(), resources.open_model)


@st.cache_resource(max_entries=1, ttl=resources.PACKED_SECONDS, show_spinner=False)
def network_parts() -> dict[str, Part]:
    """That network, packed for the browser."""
    classifier = network()
    return {"head": parts.head(classifier), "trunk": resources.shared_trunk(classifier.file)}
