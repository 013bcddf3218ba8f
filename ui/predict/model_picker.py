"""Choose a model, and prepare it if it has not been used on this machine."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from core import backbones, evaluation, runs
from core.backbones import serving
from core.bundles import imported
from core.jobs import JobFolder, State, enqueue, scheduling
from core.jobs.folder import JobSpec
from core.runs import Summary
from core.settings import Settings
from ui import job_progress, models, resources, run_line, state, text, widgets
from ui.predict import imported_models


def choose(settings: Settings) -> tuple[str, int]:
    """One line with the model's name; the list of models and what is rarely needed fold behind it.

    Returns:
        The name of the chosen model, and how many answers to show.
    """
    trained = {run.id: _run_title(run) for run in models.visible_runs(settings) if run.complete}
    trained |= {
        model.id: models.imported_title(model) for model in models.visible_imported(settings)
    }
    published = {
        name: f"{row.title} · ImageNet, 1,000 classes" for name, row in backbones.BACKBONES.items()
    }
    requested = state.parameter(state.RUN) or state.parameter(state.MODEL)
    titles = trained | published
    options = list(titles)
    if requested in options:
        st.session_state[state.MODEL_OF_LINK] = requested
    remembered = st.session_state.get(state.MODEL_OF_LINK, "")  # the navigation drops the link
    linked = requested or (remembered if remembered in options else "")
    first = linked if linked in options else next(iter(published))
    # The key names the wanted model, so that a link to another one is followed.
    key = f"model {linked}"
    if state.has_just_arrived() and requested in options:
        st.session_state[key] = requested  # not what was chosen instead on an earlier visit
    chosen = st.session_state.get(key, first)
    title = titles.get(chosen, titles[first])
    with st.popover(f"Model: {text.plain(title, 60)}", icon=":material/neurology:"):
        model: str = st.selectbox(
            "Model",
            options,
            index=options.index(first),
            format_func=titles.__getitem__,
            key=key,
            persist_state="session",
        )
        st.caption(describe(model, settings))
        count = int(st.number_input("Answers", 1, 10, 3, key="answers", persist_state="session"))
        imported_models.offer(model, settings)
    if requested and requested not in options and model == first:
        missing = models.explain_missing_model(settings)
        st.warning(text.plain(missing, 400), icon=":material/link_off:")
    return model, count


def _run_title(run: Summary) -> str:
    parts = (
        text.short(run.name, 40),
        "sample" if run.sample else run_line.preset(run.preset),
        evaluation.describe(run.accuracy) if run.accuracy else "",
        run_line.date(run.at),
    )
    return " · ".join(filter(None, parts))


def describe(model: str, settings: Settings) -> str:
    """Size, speed and accuracy of a model, in a line."""
    if from_bundle := imported.find(settings, model):
        saved = from_bundle.model()
        trained = ", its upper layers fine-tuned" if saved.fine_tuned else ""
        title = backbones.get(saved.backbone).title
        return f"From a bundle, not evaluated here · {title}{trained}"
    if not backbones.known(model):
        report = resources.report(runs.get(settings, model))
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
    start: Callable[..., object]
    if saved := imported.find(settings, model):
        if saved.ready(settings):
            return True
        job, start = saved.job, partial(imported.queue_build, saved)
        needed = "The model must be prepared here once, which can take a minute."
        label = "Prepare it"
    elif not backbones.known(model) or serving.locate(backbones.get(model), settings) is not None:
        return True
    else:
        row = backbones.get(model)
        job = JobFolder(serving.folder_of(row, settings))
        spec = JobSpec(kind="prepare", arguments={"backbone": row.name})
        start = partial(enqueue, job.path, spec)
        duration = (
            "Its weights are here; converting them takes about half a minute."
            if row.offline
            else f"Its weights ({row.megabytes:.0f} MB) are downloaded, then converted: a minute "
            "or two."
        )
        needed = f"{row.title} has not been used on this machine yet. {duration} This happens once."
        label = f"Prepare {row.title}"
    status = scheduling.status(job, settings).state if job.exists else None
    if status in (State.QUEUED, State.RUNNING):
        st.info(needed)
        job_progress.watch(job, settings, "model", may_cancel=False)
        return False
    failed = status is State.FAILED
    if failed:
        widgets.error(job.recorded().sentence)
    else:
        st.info(needed)
    if backbones.known(model) or state.may_change(model, settings):
        widgets.button(
            "Try again" if failed else label,
            partial(start, settings, by=state.visitor_id(settings)),
            icon="download",
            type="primary",
            about=("prepare", model),
        )
        widgets.show_refusal("prepare", model)
    return False
