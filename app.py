"""Tusker: name what is in a picture, teach it your own classes, see how far to trust it."""

import contextlib

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from ui import errors, resources

st.set_page_config(page_title="Tusker", page_icon="ui/icon.png", layout="wide")
errors.watch()
resources.start()
resources.sweep()
page = st.navigation(
    [
        st.Page(
            "pages/predict.py",
            title="Predict",
            icon=":material/image_search:",
            default=True,
            help="Give it a picture and it names what it sees.",
        ),
        st.Page(
            "pages/train.py",
            title="Train",
            icon=":material/school:",
            help="Teach it your own classes from folders of pictures.",
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
# Only a script that runs to its end has the fragments of the page before forgotten. A late one,
# such as a question of the camera's, would be drawn at a place that is no longer there.
with contextlib.suppress(StopException):
    page.run()
