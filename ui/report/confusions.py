"""What it takes for what, cell by cell."""

from __future__ import annotations

import streamlit as st

from ui import confusion_chart, text
from ui.drawing import PLAIN
from ui.report import gallery
from ui.report.opened import Opened


def show(opened: Opened) -> None:
    """The matrix, and the pictures of the cell that was clicked."""
    run, report = opened.run, opened.report
    values = st.segmented_control(
        "Cells show",
        ["count", "row", "column"],
        format_func={
            "count": "Pictures",
            "row": "% of what it was",
            "column": "% of what it said",
        }.get,
        default="count",
        required=True,
    )
    clicked = st.plotly_chart(
        confusion_chart.confusion_matrix(report, values=values),
        config=PLAIN,
        width="stretch" if len(report.classes) > 6 else 200 + 140 * len(report.classes),
        on_select="rerun",
        selection_mode="points",
        key=f"matrix {run.id} {values}",
        alt="Confusion matrix: true classes down, what it said across",
    )
    points = clicked["selection"]["points"]
    if not points:
        st.caption("Click a cell to see its pictures.")
        return
    label, predicted, _count = points[0]["customdata"]
    st.markdown(
        f"It was **{text.plain(report.classes[label])}**, "
        f"it said **{text.plain(report.classes[predicted])}**"
    )
    places = [
        place
        for place, said in enumerate(report.predictions)
        if (said.label, said.predicted) == (label, predicted)
    ]
    if not places:
        st.caption("No pictures.")
    gallery.show(opened, places, "cell")
