"""Browse runs: how good each is, and where it fails."""

import streamlit as st

from core import runs
from ui import frame, launch, models, resources, run_progress, state, widgets
from ui.reports import compare, owner, run_list, views

frame.enter()
settings = resources.settings()
comparing = bool(state.parameter(state.COMPARE))
if comparing and not state.parameter(state.RUN):
    widgets.button("All runs", compare.leave, icon="arrow_back")
    compare.show(compare.current(settings), settings)
    st.stop()

run = models.current(settings, run_list.explain_unknown)
if run is None:
    if not state.parameter(state.RUN):
        st.title("How good is it, and where does it fail?")
        run_list.show(settings)
    st.stop()

back = "Back to comparing" if comparing else "All runs"
widgets.button(back, state.show_run, icon="arrow_back")
summary = runs.summarise(run, settings)
frame.name_tab(summary.name)
owner.heading(summary, settings)
run_progress.show(run, summary, settings, views.show)
if summary.state.ended and not summary.complete:
    launch.offer_next_steps(run, summary, settings)
