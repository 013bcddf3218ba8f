"""How it learned, and whether more pictures would help."""

from __future__ import annotations

import streamlit as st

from ui import learning, live
from ui.report.opened import Opened


def show(opened: Opened) -> None:
    """Curves of both phases, whether more pictures would help, and the settings."""
    run = opened.run
    curves, more = st.columns(2, gap="large")
    with curves:
        st.markdown("**How did it learn?**")
        live.curves(run)
        for kept in run.kept():
            which = f"epoch {kept.epoch} was kept" if kept.epoch else live.STARTS[kept.phase]
            st.caption(
                f"{live.PHASES[kept.phase]}: {which}, with a validation loss of "
                f"{kept.validation_loss:.3f} and {100 * kept.validation_accuracy:.1f} % right."
            )
    with more:
        learning.show(run)
    with st.expander("Settings", icon=":material/tune:"):
        st.json(run.config().model_dump(mode="json"))
