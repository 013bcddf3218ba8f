"""The runs and imported models that this visitor may choose from, and the run of the address."""

from collections.abc import Callable

import streamlit as st

from core import runs
from core.bundles import ImportedModel, imported
from core.errors import TuskerError
from core.runs import Run, Summary
from core.settings import Settings
from ui import state, text

ASLEEP = (
    "Or this host was asleep and has forgotten its disk. If you have the bundle of the model, you "
    "can use it on the Predict page: “Use a model from a bundle”."
)


def current(settings: Settings, show_missing: Callable[[str], object] = st.warning) -> Run | None:
    """The run that the address names, which this visit may list from now on."""
    run_id = state.parameter(state.RUN)
    return opened(run_id, settings, show_missing) if run_id else None


def opened(run_id: str, settings: Settings, show_missing: Callable[[str], object]) -> Run | None:
    """The run of a link, which this visit may list from now on; None if it is not here."""
    try:
        run = runs.get(settings, run_id)
    except TuskerError as refusal:
        show_missing(_explain_missing(str(refusal), settings))
        return None
    state.remember_opened(run.id)
    return run


def visible_runs(settings: Settings) -> list[Summary]:
    """This visitor's runs, the newest first, then the sample."""
    current(settings, lambda _: None)
    listed = state.listing(settings)
    visible = [run for run in runs.list_runs(settings) if listed(run.path)]
    summaries = [runs.summarise(run, settings) for run in (*visible, Run(runs.SAMPLE))]
    # A checkout may lack the sample.
    summaries = [summary for summary in summaries if not (summary.sample and summary.damaged)]
    return sorted(summaries, key=lambda summary: (summary.sample, -summary.at))


def visible_imported(settings: Settings) -> list[ImportedModel]:
    """This visitor's imported models, the newest first."""
    if imported.find(settings, model_id := state.parameter(state.MODEL)):
        state.remember_opened(model_id)
    listed = state.listing(settings)
    visible = [model for model in imported.list_models(settings) if listed(model.path)]
    readable = [model for model in visible if not model.damaged]
    return sorted(readable, key=lambda model: -model.at)


def imported_title(model: ImportedModel) -> str:
    """The title of an imported model in a list of models."""
    return f"{text.short(model.title, 40)} · imported, {text.classes(len(model.model().classes))}"


def _explain_missing(refusal: str, settings: Settings) -> str:
    """Why a run or model is not here; on a public host also how to bring a model back."""
    return f"{refusal} {ASLEEP}" if settings.mode == "public" else refusal


def explain_missing_model(settings: Settings) -> str:
    """Why the model that the address names cannot be used."""
    run_id = state.parameter(state.RUN)
    if not run_id:
        absent = "The model of this link is not on this machine. It may have been deleted."
        return _explain_missing(absent, settings)
    try:
        runs.get(settings, run_id)
    except TuskerError as refusal:
        return _explain_missing(str(refusal), settings)
    return "This run has no model yet: its training has not finished."
