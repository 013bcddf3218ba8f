"""Teach it your own classes: bring pictures, choose how, watch it learn."""

import streamlit as st

from core.errors import TuskerError
from core.intake import samples
from ui import frame, launch, resources, run_progress
from ui.train import bakeoff, camera, intake, settings_form, warm_start
from ui.train.estimate import Forecast

frame.enter()
settings = resources.settings()
st.title("Teach it your own classes")

if (run := launch.wanted(settings)) is not None:
    try:
        launch.heading(run)
        run_progress.show(run, settings)
    except TuskerError as refusal:
        run_progress.damaged(run, settings, str(refusal))
    launch.again(run, settings)
    st.stop()

st.subheader("1 · Your pictures", divider="gray")
upload = intake.current(settings)
if upload is None:
    intake.give(settings)
    st.stop()
found = intake.examined(upload, settings)
if found is None:
    st.stop()
if camera.start_at_once(upload, found, settings):
    st.rerun()
if not intake.show(upload, found):
    st.info("Settle what is marked :material/block: above, then choose how to learn.")
    st.stop()

st.subheader("2 · How to learn", divider="gray")
start = warm_start.choose(found.dataset, settings)
forecast = Forecast(found.dataset, settings, start)
mirror = found.dataset.name != samples.DIGITS
config = settings_form.choose(settings, forecast, mirror=mirror, start=start and start.model())
config = warm_start.configured(config, start)
startable = config is not None and forecast.show(config)
if start is None:
    bakeoff.offer(upload, found, config, settings)

st.subheader("3 · Start", divider="gray")
st.button(
    "Start learning",
    type="primary",
    icon=":material/play_arrow:",
    disabled=not startable,
    on_click=launch.start,
    args=(upload, found, config, settings, start),
)
launch.show_refusal()
