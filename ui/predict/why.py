"""Show where a model saw evidence for an answer: its heat map over the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core import images
from core.model import heatmap
from core.model.classifier import Prediction
from ui import resources, state, text
from ui.charts.drawing import share
from ui.predict.pictures import Picture

STRENGTH = 70
"""How much of the picture a heat map covers at first, in per cent."""
NINTHS = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)


@st.fragment
def offer(model: str, picture: Picture, shown: bytes, guesses: Sequence[Prediction]) -> None:
    """A heat map of one of the answers, once somebody asks for it; until then it costs nothing.

    Args:
        model: what answered.
        shown: the picture as the screen shows it, whole, as a file.
        guesses: the answers there are, the likeliest first.
    """
    why = st.expander("Why?", icon=":material/visibility:", on_change="rerun", key=state.WHY)
    if not why.open:
        return
    with why:
        try:
            maps = resources.heatmaps(model, picture.content, [guess.index for guess in guesses])
        except LookupError:
            st.caption(
                "The heat map of this model cannot be drawn: more than dense layers lies between "
                "what it sees and what it answers."
            )
            return
        _explain(resources.classifier(model).crop, picture, images.decode(shown), guesses, maps)


def _explain(
    crop: float,
    picture: Picture,
    pixels: np.ndarray,
    guesses: Sequence[Prediction],
    maps: np.ndarray,
) -> None:
    asked, drawn = st.columns([2, 3], gap="medium")
    with asked:
        chosen = st.selectbox(
            "Answer to explain",
            range(len(guesses)),
            format_func=lambda rank: _named(guesses[rank]),
        )
        strength = st.slider(
            "Strength of the heat map",
            0,
            100,
            STRENGTH,
            step=5,
            format="%d %%",
            key=state.WHY_STRENGTH,
            persist_state="session",
        )
        label, heat = guesses[chosen].label, maps[chosen]
        st.caption(_reading(label, heat) + _unseen(pixels, crop))
    laid = heatmap.overlay(pixels, heat, crop=crop, strength=strength / 100)
    drawn.image(
        images.thumbnail(laid, edge=max(laid.shape)),
        width="stretch",
        alt=f"Heat map of {picture.name} for {label}, strongest {_where(heat)}",
    )


def _named(guess: Prediction) -> str:
    return f"{text.short(guess.label, 30)} · {share(guess.probability)}"


def _reading(label: str, heat: np.ndarray) -> str:
    named = text.plain(label, 40)
    if not heat.any():
        return f"No place speaks for **{named}**."
    return f"Bright: places that speak for **{named}**, most of all {_where(heat)}."


def _unseen(pixels: np.ndarray, crop: float) -> str:
    """A word on what lies outside the square, where anything does."""
    height, width = pixels.shape[:2]
    if round(crop * min(height, width)) >= max(height, width):
        return ""
    return " It does not see what is dimmed."


def _where(heat: np.ndarray) -> str:
    """Which ninth of the map its highest place is in, in words."""
    place = np.unravel_index(heat.argmax(), heat.shape)
    row, column = (int(3 * (at + 0.5) / edge) for at, edge in zip(place, heat.shape, strict=True))
    return NINTHS[row][column]
