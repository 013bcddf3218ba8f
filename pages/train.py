"""Train on your own classes: add pictures, choose a method, watch the training."""

from functools import partial

import streamlit as st

from core import runs
from core.runs.annotations import NAME_LENGTH
from ui import frame, launch, models, resources, run_line, run_progress, state, text, widgets
from ui.pile import page as pile
from ui.train import bakeoff, camera, grouping, intake, settings_form, warm_start
from ui.train.estimate import Forecast

frame.enter()
settings = resources.settings()
st.title("Train your own classes")
state.return_to_pictures()

if (run := models.current(settings)) is not None:
    summary = runs.summarise(run, settings)
    frame.name_tab(summary.name)
    st.markdown(f"**{text.plain(summary.name)}** · {run_line.details(summary)}")
    run_progress.show(run, summary, settings, run_progress.finished)
    launch.offer_next_steps(run, summary, settings)
    st.stop()

st.header("1 · Pictures", divider="gray")
upload = intake.current(settings)
if upload is None:
    if not pile.show(settings):
        intake.offer(settings)
    intake.show_later_steps()
    st.stop()
examined = intake.examined(upload, settings)
if examined is None:
    intake.show_later_steps()
    st.stop()
if camera.start_at_once(upload, examined, settings):
    st.rerun()
examined = grouping.grouped(upload, examined)
if not intake.show(upload, examined, settings):
    st.info("Fix the problem marked :material/block: above to continue.")
    intake.show_later_steps()
    st.stop()

st.header("2 · Method", divider="gray")
model = warm_start.choose(examined.dataset, settings)
forecast = Forecast(examined.dataset, settings, model)
compare = partial(bakeoff.offer, upload, examined, settings) if model is None else None
chosen = settings_form.choose(
    forecast,
    intake.preview(upload, examined, settings),
    compare,
    expanded=upload.comparison.exists,
)
config = warm_start.configured(chosen, model)
startable = config is not None and forecast.show(config)

st.header("3 · Start", divider="gray")
st.text_input(
    "Name of the run",
    key=(run_name := f"{state.RUN_NAME} {upload.id}"),
    persist_state="session",
    max_chars=NAME_LENGTH,
    placeholder=text.short(examined.dataset.name, NAME_LENGTH),
    width=400,
)
with st.bottom:  # in sight from the start, however long the page is
    widgets.button(
        "Start training",
        partial(launch.start, name=run_name),
        *(upload, examined, config, settings, model and model.path),
        icon="play_arrow",
        type="primary",
        disabled=not startable,
        about=("start", upload.id),
    )
widgets.show_refusal("start", upload.id)
