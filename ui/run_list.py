"""The list of this visitor's runs, and the way into one."""

from __future__ import annotations

import streamlit as st

from core import backbones
from core.evaluation import describe
from core.evaluation.report import Estimate
from core.jobs import State
from core.runs import Summary
from core.settings import Settings
from ui import models, state, text

SAYS = {
    State.QUEUED: "waiting",
    State.RUNNING: "learning",
    State.DONE: "finished",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.INTERRUPTED: "interrupted",
}


def show(settings: Settings) -> None:
    """The list, the newest first, or where to begin."""
    lines = models.visible_runs(settings)
    if not lines:
        st.info("Nothing has been taught yet.", icon=":material/school:")
        if st.button("Teach it your own classes", type="primary", icon=":material/school:"):
            st.switch_page("pages/train.py")
        if settings.mode == "public":
            st.caption("You see the runs of this visit, and those whose link you open.")
        return
    chosen = st.dataframe(
        {
            "Name": [line.name for line in lines],
            "State": [_state(line) for line in lines],
            "Accuracy": [_accuracy(line) for line in lines],
            "Classes": [len(line.classes) or None for line in lines],
            "Pictures": [line.pictures or None for line in lines],
            "Backbone": [_backbone(line) for line in lines],
            "Begun": [text.date(line.at) for line in lines],
            "MB": [round(line.megabytes, 1) for line in lines],
        },
        hide_index=True,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key="runs",
    )
    picked = chosen["selection"]
    rows = [*picked["rows"], *(row for row, _ in picked["cells"])]
    if rows:
        open_run(lines[rows[0]].id)
        st.rerun()
    st.caption("Click a run to open it.")


def open_run(run_id: str) -> None:
    """Let the address lead to a run."""
    st.query_params[state.RUN] = run_id


def close() -> None:
    """Go back to the list."""
    # Not `clear`: the view is bound to its own parameter, and Streamlit then refuses.
    st.query_params.pop(state.RUN, None)


def _state(line: Summary) -> str:
    if line.damaged:
        return "damaged"
    return SAYS[State.DONE] if line.complete else SAYS[line.state]


def _accuracy(line: Summary) -> str:
    if line.accuracy is None or line.low is None or line.high is None:
        return "–"
    return describe(Estimate(value=line.accuracy, low=line.low, high=line.high))


def _backbone(line: Summary) -> str:
    return backbones.get(line.backbone).title if backbones.known(line.backbone) else "–"
