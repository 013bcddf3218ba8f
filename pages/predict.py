"""Name what is in a picture: from a file, the clipboard, the camera or a sample."""

import streamlit as st

from core.errors import TuskerError
from ui import frame, live_camera, resources, state, widgets
from ui.predict import answers, batch, model_picker, pictures

frame.enter()
settings = resources.settings()
st.title("What is in this picture?")
with st.container(horizontal=True, vertical_alignment="center"):
    st.caption("Name what you see, and know how far to trust the answer.", width="content")
    st.page_link("pages/train.py", label="Train your own classes", icon=":material/school:")

inputs, outputs = st.columns([2, 3], gap="large")
with inputs:
    chosen = pictures.choose(settings)
    with st.container(horizontal=True, vertical_alignment="center"):
        model, count = model_picker.choose(settings)
        pictures.offer_others(settings, model)

with outputs:
    try:
        if not model_picker.ready(model, settings):
            st.stop()
        if st.session_state[state.SOURCE] == pictures.LIVE:
            live_camera.show(model, count, settings)
            st.stop()
        if isinstance(chosen, pictures.Batch):
            batch.show(chosen, model, settings)
            st.stop()
        batch.forget()
        if chosen:
            answers.show(chosen, model, count)
        else:
            pictures.offer_samples(settings, model)
    except TuskerError as refusal:
        widgets.error(str(refusal), icon=":material/broken_image:")
