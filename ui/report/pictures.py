"""Every test picture, those it got wrong first."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.evaluation.report import Prediction
from ui import text
from ui.report import gallery
from ui.report.opened import Opened

ORDERS: dict[str, Callable[[Prediction], tuple[bool, float]]] = {
    "Wrong first": lambda said: (said.label == said.predicted, -said.probability),
    "Least sure first": lambda said: (False, said.probability),
    "Surest first": lambda said: (False, -said.probability),
}


def show(opened: Opened) -> None:
    """Every test picture with what was said of it."""
    report = opened.report
    wrong = report.pictures - report.right
    left, right = st.columns(2)
    only = left.segmented_control(
        "Show", ["Wrong", "All"], default="Wrong" if wrong else "All", required=True
    )
    order = right.selectbox("Order", list(ORDERS))
    chosen = [
        place
        for place, said in enumerate(report.predictions)
        if only == "All" or said.label != said.predicted
    ]
    st.caption(f"{text.count(len(chosen), 'picture')} · {wrong} of {report.pictures} wrong")
    chosen.sort(key=lambda place: ORDERS[order](report.predictions[place]))
    gallery.show(opened, chosen, "pictures")
