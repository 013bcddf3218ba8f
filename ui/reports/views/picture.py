"""One test picture closer: where the model looked, how sure it was, how strange it found it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core import images
from core.errors import BadImage
from core.evaluation.report import Prediction
from core.model import heatmap
from ui import state, text
from ui.charts import report
from ui.charts.drawing import PLAIN, share
from ui.reports.views.opened import Opened

EDGE = 320
"""Longest edge of what is drawn here, in pixels."""
STRENGTH = 0.7
"""How much a heat map covers at first."""
BARS = 5
GAP, GREY = 4, 128
"""Pixels between a picture and its heat map, and their shade, for light and dark pages."""


def open_at(opened: Opened, places: Sequence[int], place: int) -> None:
    """Open one of these pictures over the page, with a way to the ones before and after."""
    st.session_state[state.PICTURE] = place
    _dialog(opened, places)


@st.dialog("What it made of this picture", width=860)
def _dialog(opened: Opened, places: Sequence[int]) -> None:
    place = st.session_state.get(state.PICTURE, places[0])
    at = places.index(place) if place in places else 0
    said = opened.report.predictions[places[at]]
    _verdict(opened, places[at], said)
    _looked(opened, places[at], said)
    _bars(opened, said)
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, step, icon in (("Before", -1, "arrow_back"), ("After", 1, "arrow_forward")):
            there = 0 <= at + step < len(places)
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=not there,
                on_click=_go,
                args=(places[at + step] if there else place,),
            )
        st.caption(f"{at + 1:,} of {len(places):,} · {text.plain(said.name)}")


def beside_its_heat_map(opened: Opened, place: int) -> bytes | None:
    """A picture as JPEG, and right of it where the model looked, if that is known."""
    pixels, maps = _pixels(opened, place), opened.run.heatmaps()
    if pixels is None:
        return None
    if maps is None or place >= len(maps):
        return images.thumbnail(pixels)
    crop = opened.run.config().crop
    laid = heatmap.overlay(pixels, maps[place, 0], crop=crop, strength=STRENGTH)
    gap = np.full((len(pixels), GAP, 3), GREY, np.uint8)
    return images.thumbnail(np.hstack([pixels, gap, laid]), edge=EDGE + GAP)


def _pixels(opened: Opened, place: int) -> np.ndarray | None:
    try:
        return images.decode(opened.run.thumbnail(place))
    except BadImage:
        return None


def _verdict(opened: Opened, place: int, said: Prediction) -> None:
    classes = opened.report.classes
    named = text.plain(classes[said.predicted])
    if said.label == said.predicted:
        st.markdown(f":material/check: It is **{named}**, and it said so.")
    else:
        was = text.plain(classes[said.label])
        st.markdown(f":material/close: It said **{named}**; its label is **{was}**.")
    unlike = opened.run.ood_scores()
    if unlike is not None and unlike.scores[place] > 1:
        st.caption(
            ":material/help: It would be called unlike anything it was taught: strangeness "
            f"{unlike.scores[place]:.2f}, where 1 is the most that passes."
        )
    elif said.probability < (least := opened.run.annotations().threshold):
        st.caption(f":material/help: It would answer “not sure”: {share(least)} are asked for.")


def _looked(opened: Opened, place: int, said: Prediction) -> None:
    pixels, maps = _pixels(opened, place), opened.run.heatmaps()
    if pixels is None:
        st.caption("Its small picture is not there.")
        return
    if maps is None or place >= len(maps):
        st.image(pixels, width=EDGE, alt=said.name)
        st.caption("There is no heat map of it; they are made once the report is finished.")
        return
    classes, crop = opened.report.classes, opened.run.config().crop
    explained = [(said.predicted, maps[place, 0])]
    if said.label != said.predicted:
        explained.append((said.label, maps[place, 1]))
    drawn = st.grid(len(explained) + 1, min_column_width=110, gap="small")
    strength = st.slider(
        "Strength of the heat map",
        0,
        100,
        round(100 * STRENGTH),
        step=5,
        format="%d %%",
        key=state.STRENGTH,
    )
    with drawn.cell():
        st.image(pixels, width="stretch", alt=said.name)
        st.caption("The picture")
    for label, heat in explained:
        named = text.plain(classes[label], 40)
        laid = heatmap.overlay(pixels, heat, crop=crop, strength=strength / 100)
        with drawn.cell():
            st.image(laid, width="stretch", alt=f"Heat map for {classes[label]}")
            st.caption(f"What speaks for **{named}**")


def _bars(opened: Opened, said: Prediction) -> None:
    shown = said.top[:BARS]
    labels = [label for label, _ in shown]
    names = [opened.report.classes[label] for label in labels]
    st.plotly_chart(
        report.probability_bars(
            names,
            [probability for _, probability in shown],
            truth=labels.index(said.label) if said.label in labels else None,
            limit=44,
        ),
        config=PLAIN,
        key="probabilities of a picture",
        alt="; ".join(
            f"{name} {share(probability)}"
            for name, (_, probability) in zip(names, shown, strict=True)
        ),
    )
    if said.label not in labels:
        st.caption(f"Its label is not among its {len(labels)} likeliest answers.")


def _go(place: int) -> None:
    st.session_state[state.PICTURE] = place
