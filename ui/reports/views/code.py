"""The model in one's own code: a program for each language, filled with its names and sizes."""

from __future__ import annotations

import streamlit as st

from core.export import packing, programs
from core.export.formats import FORMATS, INT8, ONNX
from core.model import storage
from core.runs.run import Run

PYTHON = {form.file: f"Python, {form.title}" for form in FORMATS if form.file != INT8}
ELSEWHERE = {
    "JavaScript, ONNX": (ONNX, "predict.js.j2", "javascript"),
    "Kotlin, LiteRT": (storage.LITERT, "Classifier.kt.j2", "kotlin"),
}


def show(run: Run) -> None:
    """Programs for the formats that are there, one at a time."""
    there = {form.file: form for form in packing.available_formats(run)}
    offered = {title: there[file] for file, title in PYTHON.items() if file in there}
    elsewhere = {title: value for title, value in ELSEWHERE.items() if value[0] in there}
    if not offered:
        return
    st.subheader("In your code")
    chosen = st.selectbox("Language and file", [*offered, *elsewhere], key=f"code {run.id}")
    saved = storage.load_description(run.model_folder)
    if chosen in offered:
        form = offered[chosen]
        written = programs.prediction(form, saved, run.annotations().threshold)
        st.code(written, "python", height=420)
        st.caption(
            f"`{form.program}` lies in the bundle. `pip install {' '.join(form.packages)}`, then "
            f"`python {form.program} picture.jpg`. The figures above were taken through it."
        )
        return
    _, template, language = ELSEWHERE[chosen]
    st.code(programs.render(template, saved=saved), language, height=420)
