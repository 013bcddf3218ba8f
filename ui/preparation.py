"""Say how far a worker is that makes a model ready."""

from __future__ import annotations

import streamlit as st

from core.jobs import JobFolder, scheduling
from core.settings import Settings


@st.fragment(run_every=1)
def watch(job: JobFolder, settings: Settings) -> None:
    """Progress of a job; the page is drawn again once it has ended."""
    status = scheduling.status(job, settings)
    if status.state.ended:
        st.rerun()
    steps = [event for event in job.events.read() if event.kind == "step"]
    if steps:
        st.progress(steps[-1].done / max(1, steps[-1].total), text=steps[-1].what)
    else:
        st.progress(0.0, text="Starting")
