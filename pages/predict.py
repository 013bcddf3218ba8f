"""Name what is in a picture: from a file, the camera or a sample."""

import streamlit as st

from core.errors import TuskerError
from ui import frame, live_camera, resources, state
from ui.predict import answers, batch, imported_models, model_picker, pictures

frame.enter()
settings = resources.settings()
st.title("What is in this picture?")

inputs, outputs = st.columns([2, 3], gap="large")
with inputs:
    left, right = st.columns([3, 1])
    with left:
        model = model_picker.choose(settings)
    count = int(right.number_input("Answers", 1, 10, 3, key="answers"))
    st.caption(model_picker.describe(model, settings))
    imported_models.offer(model, settings)
    chosen = pictures.choose(settings)

with outputs:
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
        try:
            answers.show(chosen, model, count)
        except TuskerError as refusal:
            st.error(str(refusal), icon=":material/broken_image:")
    elif st.session_state[state.SOURCE] == "Upload":
        st.subheader("No picture at hand? Try one of these.")
        pictures.show_samples()
    else:
        st.info("The answer will appear here.")
