"""Choose a model, and prepare it if it has not been used on this machine."""

from __future__ import annotations

import streamlit as st

from core import backbones, evaluation, runs
from core.backbones import Backbone, serving
from core.bundles import imported
from core.jobs import JobFolder, State, enqueue, scheduling
from core.jobs.folder import Order
from core.runs import Summary
from core.settings import Settings
from ui import models, state, text, widgets
from ui.predict import imported_models


def choose(settings: Settings) -> str:
    """The list of models: backbones and this visitor's own. Returns the name of the chosen one."""
    own = {run.id: _run_title(run) for run in models.visible_runs(settings) if run.complete}
    own |= {model.id: models.imported_title(model) for model in models.visible_imported(settings)}
    published = {name: f"{row.title} · ImageNet" for name, row in backbones.BACKBONES.items()}
    wanted = state.parameter(state.RUN) or state.parameter(state.WANTED)
    titles = own | published if wanted in own else published | own
    options = list(titles)
    chosen: str = st.selectbox(
        "Model",
        options,
        index=options.index(wanted) if wanted in options else 0,
        format_func=titles.__getitem__,
        key=f"model {wanted}",
    )
    if wanted and wanted not in options and chosen == options[0]:
        missing = models.explain_missing_model(settings)
        st.warning(text.plain(missing, 400), icon=":material/link_off:")
    return chosen


def _run_title(run: Summary) -> str:
    origin = "sample" if run.sample else "trained here"
    return f"{text.short(run.name, 40)} · {origin}, {text.classes(len(run.classes))}"


def describe(model: str, settings: Settings) -> str:
    """Size, speed and accuracy of a model, in a line."""
    if imported.exists(settings, model):
        return imported_models.describe(imported.get(settings, model))
    if not backbones.known(model):
        report = runs.get(settings, model).report()
        accuracy = evaluation.describe(report.accuracy)
        return f"Accuracy {accuracy} on {text.count(report.pictures, 'test picture')}"
    row = backbones.get(model)
    parts = [
        f"{row.megabytes:.0f} MB",
        f"about {row.milliseconds:.0f} ms per picture" if row.milliseconds else "",
        f"accuracy {row.top1:.0f} % on ImageNet" if row.top1 else "",
    ]
    return " · ".join(filter(None, parts))


def ready(model: str, settings: Settings) -> bool:
    """Whether the model can answer; if not, say what is missing and offer to prepare it."""
    if imported.exists(settings, model):
        return imported_models.ready(imported.get(settings, model), settings)
    if not backbones.known(model):
        return True
    row = backbones.get(model)
    if serving.locate(row, settings) is not None:
        return True
    job = JobFolder(serving.kept_in(row, settings))
    status = scheduling.status(job, settings).state if job.exists else None
    if status in (State.QUEUED, State.RUNNING):
        widgets.watch(job, settings, "model", may_cancel=False)
        return False
    if status is State.FAILED:
        widgets.error(job.recorded().sentence)
    else:
        duration = (
            "Its weights are here; converting them takes about half a minute."
            if row.offline
            else f"Its weights ({row.megabytes:.0f} MB) are downloaded, then converted: a minute "
            "or two."
        )
        st.info(f"{row.title} has not been used on this machine yet. {duration} This happens once.")
    st.button(
        "Try again" if status is State.FAILED else f"Prepare {row.title}",
        type="primary",
        icon=":material/download:",
        on_click=_prepare,
        args=(row, settings),
    )
    widgets.show_refusal(state.PREPARE_REFUSAL)
    return False


def _prepare(row: Backbone, settings: Settings) -> None:
    order = Order(kind="prepare", arguments={"backbone": row.name})
    with widgets.keep_refusal(state.PREPARE_REFUSAL):
        enqueue(serving.kept_in(row, settings), order, settings, by=state.mark(settings))
