"""How it learned, and whether more pictures would help."""

from __future__ import annotations

import streamlit as st

from ui import run_progress
from ui.reports import learning_curve
from ui.reports.views.opened import Opened


def show(opened: Opened) -> None:
    """Curves of both phases, whether more pictures would help, and the settings."""
    run = opened.run
    curves, more = st.columns(2, gap="large")
    with curves:
        st.markdown("**How did it learn?**")
        run_progress.curves(run)
        solved = {epoch.phase for epoch in run.epochs() if epoch.unit == "iteration"}
        for kept in run.kept():
            if kept.phase in solved:
                which = f"solved in {kept.epoch} iterations"
            elif kept.epoch:
                which = f"epoch {kept.epoch} was kept"
            else:
                which = run_progress.STARTS[kept.phase]
            st.caption(
                f"{run_progress.PHASES[kept.phase]}: {which}, with a validation loss of "
                f"{kept.validation_loss:.3f} and {100 * kept.validation_accuracy:.1f} % right."
            )
    with more:
        learning_curve.show(run)
    with st.expander("Settings", icon=":material/tune:"):
        st.json(run.config().model_dump(mode="json"))
