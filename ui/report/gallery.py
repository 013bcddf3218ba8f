"""Test pictures with what was said of each."""

from __future__ import annotations

import streamlit as st

from core.evaluation.report import Prediction
from ui import text
from ui.drawing import share
from ui.report.opened import Opened

PAGE = 24
"""Pictures on a page of a gallery."""


def show(opened: Opened, places: list[int], key: str) -> None:
    """Test pictures by their place in the report, a page at a time."""
    pages = max(1, -(-len(places) // PAGE))
    page = st.pagination(pages, key=f"page {key}") if pages > 1 else 1
    with st.grid(min_column_width=130, gap="small", key=f"gallery {key}") as grid:
        for place in places[(page - 1) * PAGE : page * PAGE]:
            said = opened.report.predictions[place]
            with grid.cell():
                _one(opened, place, said)


def _one(opened: Opened, place: int, said: Prediction) -> None:
    thumbnail = opened.run.thumbnail(place)
    if thumbnail.is_file():
        st.image(str(thumbnail), width="stretch", alt=said.name)
    named = text.plain(opened.report.classes[said.predicted], 30)
    if said.label == said.predicted:
        line = f":material/check: {named} {share(said.probability)}"
    else:
        was = text.plain(opened.report.classes[said.label], 30)
        line = f":material/close: {named} {share(said.probability)}, was **{was}**"
    st.caption(line, help=text.plain(said.name))
