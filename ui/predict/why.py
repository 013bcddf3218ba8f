"""Show where a model sees evidence for an answer: a heat map over the picture."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core import images
from core.errors import TuskerError
from core.model import heatmap
from core.model.classifier import Prediction
from ui import resources, state, text, widgets
from ui.predict.pictures import Picture, show_preview

NINTHS = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)


@st.fragment
def offer(model: str, picture: Picture, shown: bytes, predictions: Sequence[Prediction]) -> None:
    """A heat map of one of the answers, computed once the visitor opens it.

    Args:
        shown: the whole picture as the screen shows it, as JPEG.
        predictions: the answers, the likeliest first.
    """
    why = st.expander("Why?", icon=":material/visibility:", on_change="rerun", key=state.WHY)
    if not why.open:
        return
    with why:
        try:
            maps = resources.heatmaps(model, picture.content, tuple(p.index for p in predictions))
        except TuskerError as refusal:  # the run was deleted meanwhile
            widgets.error(str(refusal))
            return
        controls, drawn = st.columns([2, 3], gap="medium")
    pixels = images.decode(shown, limits=resources.settings())
    crop = resources.classifier(model).crop
    with controls:
        chosen = st.selectbox(
            "Answer to explain",
            range(len(predictions)),
            format_func=lambda rank: _named(predictions[rank]),
        )
        strength = widgets.heat_map_strength(state.WHY_STRENGTH, persist_state="session")
        label, heat = predictions[chosen].label, maps[chosen]
        edges = pixels.shape[:2]
        dimmed = round(crop * min(edges)) < max(edges)
        unseen = " The model does not see the dimmed parts." if dimmed else ""
        st.caption(_describe(label, heat) + unseen)
    overlaid = heatmap.overlay(pixels, heat, crop=crop, strength=strength)
    with drawn:
        show_preview(
            images.thumbnail(overlaid, edge=max(overlaid.shape)),
            overlaid.shape[:2],
            f"Heat map of {picture.name} for {label}, strongest {_where(heat)}",
        )


def _named(prediction: Prediction) -> str:
    return f"{text.short(prediction.label, 30)} · {text.share(prediction.probability)}"


def _describe(label: str, heat: np.ndarray) -> str:
    named = text.plain(label, 40)
    if not heat.any():
        return f"No part of the picture is evidence for **{named}**."
    return f"Bright parts are evidence for **{named}**, strongest {_where(heat)}."


def _where(heat: np.ndarray) -> str:
    """Which ninth of a map (h, w) has its highest value, in words."""
    peak = np.unravel_index(heat.argmax(), heat.shape)
    row, column = (int(3 * (at + 0.5) / edge) for at, edge in zip(peak, heat.shape, strict=True))
    return NINTHS[row][column]
