"""Choose a model, and get it ready where that is still to be done."""

from __future__ import annotations

import contextlib

import streamlit as st

from core import backbones, runs
from core.backbones import Backbone, serving
from core.bundles import imported as bundles
from core.errors import TuskerError
from core.evaluation import describe as describe_estimate
from core.jobs import JobFolder, State, enqueue, scheduling
from core.jobs.folder import Order
from core.runs import Summary
from core.settings import Settings
from ui import imported_models, missing, preparation, state, text


def visible_runs(settings: Settings) -> list[Summary]:
    """This visitor's runs, the newest first, then the sample."""
    listed = state.listing(settings)
    held = {run.id: run for run in runs.list_runs(settings) if listed(run.path)}
    sample = runs.sample()
    wanted = state.parameter(state.RUN)
    if wanted and wanted not in (*held, sample.id):
        with contextlib.suppress(TuskerError):
            held[wanted] = runs.get(settings, wanted)
            state.remember_run(wanted)
    lines = [runs.summarise(run, settings) for run in (*held.values(), sample)]
    # A checkout may lack the sample.
    lines = [line for line in lines if not (line.sample and line.damaged)]
    return sorted(lines, key=lambda line: (line.sample, -line.at))


def choose(settings: Settings) -> str:
    """The model list: backbones, then this visitor's own. Returns the chosen one's name."""
    own = {line.id: _run_title(line) for line in visible_runs(settings) if line.complete}
    own |= {one.id: imported_models.title(one) for one in imported_models.visible(settings)}
    published = {name: f"{row.title} · ImageNet" for name, row in backbones.BACKBONES.items()}
    wanted = state.parameter(state.RUN) or state.parameter(state.WANTED)
    titles = own | published if wanted in own else published | own
    options = list(titles)
    chosen = st.selectbox(
        "Model",
        options,
        index=options.index(wanted) if wanted in options else 0,
        format_func=titles.get,
        key=f"{state.MODEL} {wanted}",
    )
    if wanted and wanted not in options and chosen == options[0]:
        st.warning(text.plain(missing.model(settings), 400), icon=":material/link_off:")
    return chosen


def _run_title(line: Summary) -> str:
    origin = "sample" if line.sample else "taught here"
    return f"{text.short(line.name, 40)} · {origin}, {text.classes(len(line.classes))}"


def describe(model: str, settings: Settings) -> str:
    """What a model costs and can do, in a line."""
    if bundles.exists(settings, model):
        return imported_models.describe(bundles.get(settings, model))
    if not backbones.known(model):
        report = runs.get(settings, model).report()
        return f"Right on {describe_estimate(report.accuracy)} of {report.pictures} test pictures"
    row = backbones.get(model)
    parts = [
        f"{row.megabytes:.0f} MB",
        f"right on {row.top1:.0f} % of ImageNet" if row.top1 else "",
    ]
    if row.milliseconds:
        parts.insert(1, f"about {row.milliseconds:.0f} ms a picture")
    return " · ".join(part for part in parts if part)


def ready(model: str, settings: Settings) -> bool:
    """Whether the model can answer; if not, say what is missing and offer to prepare it."""
    if bundles.exists(settings, model):
        return imported_models.ready(bundles.get(settings, model), settings)
    if not backbones.known(model):
        return True
    row = backbones.get(model)
    if serving.locate(row, settings) is not None:
        return True
    job = JobFolder(serving.kept_in(row, settings))
    state_now = scheduling.status(job, settings).state if job.exists else None
    if state_now in (State.QUEUED, State.RUNNING):
        preparation.watch(job, settings)
        return False
    if state_now is State.FAILED:
        st.error(text.plain(job.recorded().sentence, 600), icon=":material/error:")
    else:
        source = (
            f"Its weights ({row.megabytes:.0f} MB) are downloaded, then converted: a minute or two."
            if not row.offline
            else "Its weights are here; converting them takes about half a minute."
        )
        st.info(f"{row.title} has not been used on this machine yet. {source} This happens once.")
    st.button(
        "Try again" if state_now is State.FAILED else f"Prepare {row.title}",
        type="primary",
        icon=":material/download:",
        on_click=_prepare,
        args=(row, settings),
    )
    return False


def _prepare(row: Backbone, settings: Settings) -> None:
    order = Order(kind="prepare", arguments={"backbone": row.name})
    try:
        enqueue(serving.kept_in(row, settings), order, settings, by=state.mark(settings))
    except TuskerError as refusal:
        st.error(str(refusal))
