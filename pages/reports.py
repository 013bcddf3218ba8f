"""Browse runs: how good each is, and where it fails."""

import streamlit as st

from core.errors import TuskerError
from ui import frame, launch, live, report, resources, run_list, state

frame.enter()
settings = resources.settings()
run = launch.wanted(settings)
if run is None:
    if state.parameter(state.RUN):
        st.button("All runs", on_click=run_list.close, icon=":material/arrow_back:")
        st.stop()
    st.title("How good is it, and where does it fail?")
    run_list.show(settings)
    st.stop()

st.button("All runs", on_click=run_list.close, icon=":material/arrow_back:")
try:
    launch.heading(run)
    if run.complete:
        report.show(run, settings)
    else:
        live.show(run, settings)
except TuskerError as refusal:
    st.error(str(refusal), icon=":material/broken_image:")
