"""How the training went, and whether more pictures would help."""

import streamlit as st

from core.evaluation import describe
from core.evaluation.wording import difference
from core.runs import Run
from ui import run_progress, text, widgets
from ui.charts import learning
from ui.reports.views.complete_run import CompleteRun


def show(view: CompleteRun) -> None:
    """Curves of both phases, the learning curve, and the settings."""
    run = view.run
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**How did it learn?**")
        run_progress.curves(run)
    with right:
        _learning_curve(run)
    with st.expander("Settings", icon=":material/tune:"):
        st.json(run.config().model_dump(mode="json"))


def _learning_curve(run: Run) -> None:
    curve = run.learning_curve()
    if curve is None:
        return
    st.markdown("**Would more pictures help?**")
    st.markdown(text.plain(curve.sentence, 900))
    if len(curve.points) < 2:
        return
    widgets.chart(learning.learning_curve(curve), key=f"learning curve {run.id}")
    st.caption(
        "Accuracy of heads without fine-tuning that were trained on a part of the training and "
        "validation pictures and evaluated on the others; test pictures are not used. The band is "
        "the 95 % confidence interval."
    )
    with st.expander("By class", icon=":material/category:"):
        ordered = sorted(curve.trends, key=lambda trend: trend.recall.value)
        st.dataframe(
            {
                "Class": [curve.classes[trend.label] for trend in ordered],
                "Recall": [describe(trend.recall) for trend in ordered],
                "Gain from doubling the data": [difference(trend.gain) for trend in ordered],
            },
            hide_index=True,
        )
