"""How far its probabilities can be believed."""

from __future__ import annotations

import streamlit as st

from core.evaluation import describe
from ui import certainty_charts
from ui.drawing import PLAIN
from ui.report.opened import Opened


def show(opened: Opened) -> None:
    """How far the probabilities can be believed."""
    report = opened.report
    off = describe(report.certainty.before.error)
    if report.certainty.temperature is None:
        st.caption(f"Its probabilities are off by {off} on average.")
    else:
        st.caption(
            f"Its probabilities are off by {off} on average. Scaled by a temperature of "
            f"{report.certainty.temperature:.2f}, fitted on validation pictures, they are off "
            f"by {describe(report.certainty.after.error if report.certainty.after else None)}."
        )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**When it says 90 %, is it right 90 times in 100?**")
        st.plotly_chart(
            certainty_charts.reliability(report.certainty), config=PLAIN, alt="Reliability diagram"
        )
    with right:
        st.markdown("**If it may say nothing when unsure, how often is it wrong?**")
        st.plotly_chart(
            certainty_charts.coverage(report.certainty), config=PLAIN, alt="Error by coverage"
        )
