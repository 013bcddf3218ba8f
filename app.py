"""Tusker: see what is in a picture, train your own classes, know how far to trust them."""

import contextlib
import time

import streamlit as st

from ui import frame, internals, resources, state

SETTLE_SECONDS = 0.25

st.set_page_config(page_title="Tusker", page_icon="ui/icon.png", layout="wide")
if state.ARRIVED not in st.session_state:
    # A browser that gets the width of the page together with its content moves all of it.
    time.sleep(SETTLE_SECONDS)
    st.session_state[state.ARRIVED] = True
st.logo("ui/logo.svg", size="large")
internals.handle_errors(frame.apologise)
internals.complete_callbacks()
internals.operate_in_turn()
internals.ignore_developers()
resources.start()
if problem := resources.home_problem():
    st.error(problem, icon=":material/hard_drive:")
else:
    resources.continue_queues()
    resources.sweep()
page = st.navigation(
    [
        st.Page(
            "pages/predict.py",
            title="Predict",
            icon=":material/image_search:",
            default=True,
            help="See what is in a picture.",
        ),
        st.Page(
            "pages/train.py",
            title="Train",
            icon=":material/school:",
            help="Train your own classes from folders of pictures.",
        ),
        st.Page(
            "pages/reports.py",
            title="Reports",
            icon=":material/fact_check:",
            help="How good a trained model is, and where it fails.",
        ),
    ],
    position="top",
)
frame.name_tab(page.title)
state.arrive(page.title)
# Streamlit forgets the fragments of the previous page only after a script has run to its end. A
# late one, such as a request of the camera view, would be drawn in a place that no longer exists.
if not problem or page.title == "Predict":  # which needs no disk
    with contextlib.suppress(internals.StopException):
        page.run()
