"""Programs that run the model, in several languages, filled with its names and sizes."""

from __future__ import annotations

import streamlit as st

from core.export import packing, programs
from core.export.formats import FORMATS, INT8, ONNX
from core.model import storage
from core.runs.run import Run

PYTHON = {f"Python, {form.title}": form for form in FORMATS if form.file != INT8}
TEMPLATES = {
    "JavaScript, ONNX": (ONNX, "predict.js.j2", "javascript"),
    "Kotlin, LiteRT": (storage.LITERT, "Classifier.kt.j2", "kotlin"),
}


def show(run: Run) -> None:
    """A program for one of the formats that were exported."""
    files = {form.file for form in packing.available_formats(run)}
    python = [title for title, form in PYTHON.items() if form.file in files]
    if not python:
        return
    st.subheader("In your code")
    others = [title for title, (file, *_) in TEMPLATES.items() if file in files]
    chosen = st.selectbox("Language and file", [*python, *others], key=f"code {run.id}")
    saved = storage.load_description(run.model_folder)
    if chosen in TEMPLATES:
        _, template, language = TEMPLATES[chosen]
        st.code(programs.render(template, saved=saved), language, height=420)
        return
    form = PYTHON[chosen]
    st.code(programs.prediction(form, saved, run.annotations().threshold), "python", height=420)
    st.caption(
        f"`{form.program}` is in the bundle. `pip install {' '.join(form.packages)}`, then "
        f"`python {form.program} picture.jpg`. The figures above were measured with it."
    )
