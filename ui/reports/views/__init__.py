"""The report of a complete run, one view at a time; each view is a module with one `show`."""

from collections.abc import Callable

import streamlit as st

from core.runs.run import Run
from core.settings import Settings
from ui import resources, state, text, widgets
from ui.reports.views import certainty, confusions, data, export, pictures, summary, training
from ui.reports.views.complete_run import CompleteRun

VIEWS: dict[str, Callable[[CompleteRun], None]] = {
    "Summary": summary.show,
    "Confusions": confusions.show,
    "Pictures": pictures.show,
    "Certainty": certainty.show,
    "Training": training.show,
    "Data": data.show,
    "Export": export.show,
}


def show(run: Run, settings: Settings) -> None:
    """The headline, and the view that the address names. Raises RunDamaged."""
    may_change = state.may_change(run.id, settings)
    view = CompleteRun(run, resources.report(run), settings, may_change)
    headline, action = st.columns([5, 1], vertical_alignment="center")
    headline.header(text.unbroken(text.plain(view.report.headline, 400)))
    with action:
        query = {state.RUN: run.id}
        widgets.lead_to("predict", "Try it", "image_search", query, type="primary", width="stretch")
    for sentence in run.missing_results(settings):
        st.caption(f":material/info: {text.plain(sentence, 600)}")
    name = widgets.choice("View", list(VIEWS), key=state.VIEW, bind="query-params")
    VIEWS[name](view)
