"""Show a learning curve: would more pictures help, and of which class?"""

from __future__ import annotations

import streamlit as st

from core.evaluation import describe
from core.evaluation.advice import in_points
from core.runs import Run
from ui import text
from ui.charts import report


def show(run: Run) -> None:
    """The sentence, the curve, and each class; nothing for a run without them."""
    curve = run.learning_curve()
    if curve is None:
        return
    st.markdown("**Would more pictures help?**")
    st.markdown(text.plain(curve.sentence, 900))
    if len(curve.points) < 2:
        return
    first, last = curve.points[0], curve.points[-1]
    st.plotly_chart(
        report.learning_curve(curve),
        key=f"learning curve {run.id}",
        config={"displayModeBar": False},
        alt=f"Learning curve: {describe(first.accuracy)} right taught on {first.per_class:.0f} "
        f"pictures a class, {describe(last.accuracy)} on {last.per_class:.0f}",
    )
    st.caption(
        "How often heads without fine-tuning are right, taught on a part of the training and "
        "validation pictures and asked about others; test pictures take no part. The band: where "
        "the true figure lies in 95 of 100 such sets of pictures."
    )
    with st.expander("By class", icon=":material/category:"):
        ordered = sorted(curve.trends, key=lambda trend: trend.recall.value)
        st.dataframe(
            {
                "Class": [curve.classes[trend.label] for trend in ordered],
                "Found": [describe(trend.recall) for trend in ordered],
                "By the last doubling": [in_points(trend.gain) for trend in ordered],
            },
            hide_index=True,
        )
