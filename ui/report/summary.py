"""How good it is: the figures, and each class."""

from __future__ import annotations

import streamlit as st

from core.evaluation import describe
from ui import charts, text
from ui.drawing import PLAIN
from ui.report.opened import Opened


def show(opened: Opened) -> None:
    """The headline figures and each class."""
    report = opened.report
    gain = report.baseline
    with st.container(horizontal=True):
        st.metric("Accuracy", describe(report.accuracy), border=True)
        st.metric("Macro F1", describe(report.macro.f1), border=True)
        st.metric(
            "Always guessing the commonest",
            describe(gain.accuracy),
            border=True,
            help=f"By always answering {text.plain(report.classes[gain.label])}.",
        )
    st.caption("In brackets: where the true figure lies in 95 of 100 test sets like this one.")
    st.dataframe(
        {
            "": ["Macro average", "Weighted average"],
            "Precision": [describe(a.precision) for a in (report.macro, report.weighted)],
            "Recall": [describe(a.recall) for a in (report.macro, report.weighted)],
            "F1": [describe(a.f1) for a in (report.macro, report.weighted)],
        },
        hide_index=True,
    )
    measure = st.segmented_control(
        "By class",
        ["f1", "precision", "recall"],
        format_func={"f1": "F1", "precision": "Precision", "recall": "Recall"}.get,
        default="f1",
        required=True,
    )
    st.plotly_chart(charts.per_class(report, measure), config=PLAIN, alt=f"{measure} of each class")
    st.dataframe(
        {
            "Class": [score.name for score in report.per_class],
            "Test pictures": [score.support for score in report.per_class],
            "Precision": [describe(score.precision) for score in report.per_class],
            "Recall": [describe(score.recall) for score in report.per_class],
            "F1": [describe(score.f1) for score in report.per_class],
        },
        hide_index=True,
    )
    st.caption(
        "Precision: of the pictures it called so, how many were. "
        "Recall: of the pictures that were, how many it called so. F1: both in one figure."
    )
