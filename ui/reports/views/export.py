"""Downloads: the model, the report as one file, the model card."""

import re
from html import escape

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.evaluation.report import Footprint
from core.export import packing, programs
from core.export.formats import FORMATS, INT8, ONNX
from core.model import storage
from core.runs.run import Run
from ui import exports, html_report, resources, widgets
from ui.reports.views.complete_run import CompleteRun

PYTHON = {f"Python, {form.title}": form for form in FORMATS if form.file != INT8}
TEMPLATES = {
    "JavaScript, ONNX": (ONNX, "predict.js.j2", "javascript"),
    "Kotlin, LiteRT": (storage.LITERT, "Classifier.kt.j2", "kotlin"),
}


def show(view: CompleteRun) -> None:
    """Three groups, each with what it is for; files are made when they are downloaded."""
    run = view.run
    st.header("The model")
    footprint = run.footprint()
    if footprint is not None:
        _costs(footprint)
    elif not run.at_work(view.settings):
        st.caption("Its speed and size were not measured.")
    exports.show(run, view.settings)
    _code(run)
    st.header("The report")
    _report(view)
    st.header("The model card")
    _card(run)


def _costs(footprint: Footprint) -> None:
    widgets.metrics(
        ("Time per picture", footprint.time, ""),
        ("Size", footprint.size, ""),
        ("Parameters", footprint.millions, ""),
        width=170,  # two fit a phone
    )
    st.caption(
        "Time: the median over some test pictures on the machine that trained it, without "
        "decoding the file. Size: what must be loaded before it can answer. Parameters: of "
        "backbone and head."
    )


def _code(run: Run) -> None:
    files = {form.file for form in packing.available_formats(run)}
    python = [title for title, form in PYTHON.items() if form.file in files]
    if not python:
        return
    st.header("In your code")
    others = [title for title, (file, *_) in TEMPLATES.items() if file in files]
    chosen = st.selectbox("Language and file", [*python, *others], key=f"code {run.id}")
    saved, decision = storage.load_description(run.model_folder), run.decision()
    if chosen in TEMPLATES:
        _, template, language = TEMPLATES[chosen]
        _program(programs.snippet(template, saved, decision), language)
        return
    form = PYTHON[chosen]
    _program(packing.program(run, form), "python")
    st.markdown(
        f"`{form.program}` is in the bundle. `pip install {' '.join(form.packages)}`, then "
        f"`python {form.program} picture.jpg`."
    )


def _program(code: str, language: str) -> None:
    with st.expander("Show the program", icon=":material/code:"):
        st.code(code, language, wrap_lines=True)


def _report(view: CompleteRun) -> None:
    run = view.run
    prefix = "tusker-sample" if run.id == runs.SAMPLE.name else f"tusker-{run.id[:8]}"
    st.caption(
        "One file that opens in any browser, without Tusker and without a network. It contains "
        "small copies of test pictures and their file names, which all who get it can see."
    )
    with st.container(horizontal=True):
        widgets.download(
            "Report as one HTML file",
            lambda: _html(view),
            f"{prefix}-report.html",
            icon="description",
            key=f"html {run.id}",
        )
        widgets.download(
            "Report as JSON",
            view.report.model_dump_json,
            f"{prefix}-report.json",
            icon="data_object",
            key=f"json {run.id}",
        )


def _html(view: CompleteRun) -> str:
    """The report, or a page that says why there is none: Streamlit would give no reason."""
    try:
        return html_report.render(runs.get(view.settings, view.run.id))  # may be deleted meanwhile
    except TuskerError as refusal:
        page = '<!doctype html><html lang="en"><meta charset="utf-8"><title>No report</title><p>'
        return page + escape(str(refusal))


def _card(run: Run) -> None:
    card = resources.model_card(run)
    st.caption("What the model was trained on, how it was measured, and its limits.")
    with st.expander("Read it", icon=":material/article:"):
        # Two levels down: the page has its own headings. No name begins a line with this sign.
        st.markdown(re.sub(r"^#", "###", card, flags=re.MULTILINE))
    widgets.download(f"Download {packing.CARD}", card, packing.CARD, key=f"card {run.id}")
