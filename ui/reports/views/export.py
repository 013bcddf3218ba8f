"""What can be taken away: the model, the report in one file, the model card."""

from __future__ import annotations

import re

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.evaluation.report import Footprint
from core.export.packing import CARD
from core.runs.run import Run
from ui import exports, html_report, resources
from ui.reports.views import code
from ui.reports.views.opened import Opened

GONE = "This run was deleted meanwhile, so there is no report of it. Reload the page of the report."


def show(opened: Opened) -> None:
    """Three groups, each with what it is for; files are made when they are asked for."""
    run = opened.run
    st.subheader("The model")
    found = run.footprint()
    if found is not None:
        _costs(found)
    elif not run.at_work(opened.settings):
        st.caption("Its speed and size were not measured.")
    exports.show(run, opened.settings)
    code.show(run)
    st.subheader("The report")
    _report(opened)
    st.subheader("The model card")
    _card(run)


def _costs(found: Footprint) -> None:
    """What the model takes, and what that means."""
    time = f"{found.milliseconds:.{0 if found.milliseconds >= 10 else 1}f} ms"
    millions = f"{found.parameters / 1e6:.1f} million"
    with st.container(horizontal=True):
        st.metric("Time for a picture", time, border=True)
        st.metric("Size", f"{found.megabytes:.1f} MB", border=True)
        st.metric("Parameters", millions, border=True)
    st.caption(
        "Time: the median over some test pictures on the machine that trained it, without "
        "decoding the file. Size: what must be read before it can answer. Parameters: the "
        "numbers that backbone and head consist of."
    )


def _report(opened: Opened) -> None:
    run = opened.run
    st.markdown(
        "One file to send: it opens in any browser, without Tusker and without a network. "
        "Charts, figures, settings and the model card are in it."
    )
    st.caption(
        "It holds small copies of test pictures, those it got wrong first, and their file names. "
        "Whoever gets the file sees them."
    )
    with st.container(horizontal=True):
        st.download_button(
            "Report as one HTML file",
            lambda: _html(run),
            file_name=f"{_prefix(run)}-report.html",
            mime="text/html",
            icon=":material/description:",
            on_click="ignore",
            key=f"html {run.id}",
        )
        st.download_button(
            "Report as JSON",
            opened.report.to_json,
            file_name=f"{_prefix(run)}-report.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
            key=f"json {run.id}",
        )


def _html(run: Run) -> str:
    """The report, or a page that says in a sentence why there is none.

    What is made at a press cannot refuse on the page: Streamlit would show words of its own.
    """
    try:
        return html_report.render(run)
    except TuskerError as refusal:
        return html_report.refusal(GONE if not run.path.is_dir() else str(refusal))


def _card(run: Run) -> None:
    written = resources.card(run)
    st.markdown(
        "What it was taught on, what it cannot do and how it was measured, in plain words. "
        "It belongs beside the model wherever that goes."
    )
    with st.expander("Read it", icon=":material/article:"):
        # Two levels down: the page has its own headings. No name begins a line with this sign.
        st.markdown(re.sub(r"^#", "###", written, flags=re.MULTILINE))
    st.download_button(
        f"Download {CARD}",
        written,
        file_name=CARD,
        mime="text/markdown",
        icon=":material/download:",
        on_click="ignore",
        key=f"card {run.id}",
    )


def _prefix(run: Run) -> str:
    return "tusker-sample" if run.id == runs.SAMPLE.name else f"tusker-{run.id[:8]}"
