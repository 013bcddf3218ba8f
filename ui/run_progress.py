"""A run that is not finished: how it stands, its curves, what was kept, and what can be done."""

from __future__ import annotations

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.evaluation import describe
from core.jobs import State, Status, cancel, scheduling
from core.jobs.events import Epoch, Event, Note, Step
from core.runs import Run
from core.settings import Settings
from ui import exports, state, text
from ui.charts import report as charts

PHASES = {"head": "Learning the head", "fine-tune": "Fine-tuning"}
STARTS = {
    "head": "its start was kept",
    "fine-tune": "the head alone was kept",
}
LOG_LINES = 60
KEPT = {
    State.CANCELLED: "No model came of it. Its settings were kept.",
    State.FAILED: "No model came of it. Its settings and its log were kept.",
    State.INTERRUPTED: "No model came of it yet. Its settings, its log and what it had worked out "
    "about the pictures were kept.",
}


def show(run: Run, settings: Settings) -> None:
    """The run, however it stands."""
    line = runs.summarise(run, settings)
    if line.damaged:
        damaged(run, settings)
    elif line.complete:
        finished(run, settings)
    elif line.state.ended:
        ended_early(run, run.status(settings), settings)
    else:
        _watch(run, settings)


@st.fragment(run_every=1)
def _watch(run: Run, settings: Settings) -> None:
    status = run.status(settings)
    if status.state.ended or run.complete:
        st.rerun()
    waits = status.state is State.QUEUED
    st.subheader("It waits for its turn" if waits else "It is learning")
    line, stop = st.columns([5, 1], vertical_alignment="center")
    with line:
        if waits:
            ahead = scheduling.position(run.job, settings)
            waiting = f"{text.count(ahead, 'training')} before yours" if ahead else "Starting"
            if status.sentence:
                waiting = text.plain(status.sentence, 300)
            st.progress(0.0, text=waiting)
        else:
            _progress(run.events(), status)
    if state.may_change(run.id, settings):
        stop.button(
            "Cancel",
            key=f"cancel {run.id}",
            icon=":material/stop_circle:",
            width="stretch",
            on_click=cancel,
            args=(run.job, settings),
        )
    curves(run)
    goes_on = "it begins by itself" if waits else "the training goes on"
    st.caption(f"You can close this page: {goes_on}, and this address leads back to it.")


def _progress(events: tuple[Event, ...], status: Status) -> None:
    shown = [event for event in events if isinstance(event, Step | Epoch | Note)]
    last = shown[-1] if shown else None
    parts: list[str] = []
    share = 0.0
    if isinstance(last, Note):
        parts.append(last.sentence.rstrip("."))
    elif isinstance(last, Step):
        parts.append(f"{last.what}: {last.done:,} of {last.total:,}")
        share = last.done / max(1, last.total)
    elif isinstance(last, Epoch):
        limit = "of" if last.unit == "epoch" else "of at most"
        parts.append(
            f"{PHASES.get(last.phase, last.phase)}: {last.unit} {last.epoch} {limit} {last.epochs}"
        )
        share = last.epoch / last.epochs
    rate = getattr(last, "per_second", None) or getattr(last, "pictures_per_second", None)
    stored = isinstance(last, Epoch) and last.phase == "head"  # no picture is looked at any more
    if rate and not stored:
        parts.append(f"{rate:,.0f} pictures/s")
    left = getattr(last, "seconds_left", None)
    if left is not None and left >= 1:
        parts.append(f"about {text.duration(left)} left in this step")
    seconds = status.spent + (status.seconds or 0)
    if seconds >= 1:
        parts.append(f"{text.duration(seconds)} so far")
    st.progress(min(1.0, share), text=" · ".join(parts) or "Starting")


def curves(run: Run) -> None:
    """Loss and accuracy of both phases, once there are any."""
    epochs = run.epochs()
    if epochs:
        last = epochs[-1]
        st.plotly_chart(
            charts.training_curves(epochs, run.kept()),
            width="stretch",
            key=f"curves {run.id}",
            config={"displayModeBar": False},
            alt=f"Training curves; last {last.unit}: accuracy {last.accuracy:.2f}, "
            f"on validation {last.validation_accuracy or 0:.2f}",
        )


def finished(run: Run, settings: Settings) -> None:
    """What came out, and where to go from here."""
    try:
        report = run.report()
    except TuskerError as refusal:
        st.error(str(refusal))
        return
    st.success(
        f"Right on {describe(report.accuracy)} of {text.count(report.pictures, 'picture')} "
        "it had never seen.",
        icon=":material/check_circle:",
    )
    with st.container(horizontal=True):
        if st.button("Try it", type="primary", icon=":material/image_search:"):
            st.switch_page("pages/predict.py", query_params={state.RUN: run.id})
        if st.button("Read the report", icon=":material/fact_check:"):
            st.switch_page("pages/reports.py", query_params={state.RUN: run.id})
    exports.offer(run, settings)
    curves(run)


def ended_early(run: Run, status: Status, settings: Settings) -> None:
    """Cancelled, failed or interrupted: what happened, what was kept, how far it came."""
    if status.state is State.CANCELLED:
        st.subheader("It was stopped")
        st.info(text.plain(status.sentence, 600), icon=":material/cancel:")
    elif status.state is State.INTERRUPTED:
        st.subheader("It broke off")
        st.warning(text.plain(status.sentence, 900), icon=":material/power_off:")
    else:
        st.subheader("It failed")
        st.error(text.plain(status.sentence, 900), icon=":material/error:")
    st.markdown(KEPT[status.state])
    curves(run)
    if status.state is not State.CANCELLED:
        _log(run, settings)


def damaged(run: Run, settings: Settings, why: str = "") -> None:
    """A run whose files are not those that the training wrote."""
    st.subheader("It is damaged")
    said = why or _trouble(run)
    st.error(text.plain(said, 600), icon=":material/broken_image:")
    st.markdown(
        "A file was changed, cut short or lost after the training had written it. What cannot be "
        "trusted is not shown, and its model is not asked. The files that are left stay as they "
        "are until you delete the run."
    )
    if settings.mode == "personal":
        st.caption("If you have a copy of its folder, put it back here:")
        st.code(str(run.path), language=None, wrap_lines=True)
    _log(run, settings)


def _trouble(run: Run) -> str:
    """Which of its files cannot be read, in a sentence."""
    for read in (run.config, run.dataset, run.manifest, run.report):
        try:
            read()
        except TuskerError as refusal:
            return str(refusal)
    return "Its files are not those that the training wrote."


def _log(run: Run, settings: Settings) -> None:
    """What the worker printed, for whoever's run it is: it names folders of the host."""
    log = run.job.log_tail(LOG_LINES) if state.may_change(run.id, settings) else ""
    if log:
        with st.expander("Log", icon=":material/article:"):
            st.code(log, language=None, wrap_lines=True)
