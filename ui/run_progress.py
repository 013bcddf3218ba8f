"""A run without an open report: progress, curves, result, or why it ended early."""

import streamlit as st

from core import runs
from core.errors import RunDamaged, TuskerError
from core.evaluation import describe
from core.jobs import State, Status
from core.runs import Run
from core.settings import Settings
from core.training import outcome
from ui import exports, state, text, widgets
from ui.charts import learning

LOG_LINES = 60
ENDED = {
    State.CANCELLED: ("Cancelled", st.info, ":material/cancel:"),
    State.INTERRUPTED: ("Interrupted", st.warning, ":material/power_off:"),
    State.FAILED: ("Failed", st.error, ":material/error:"),
}
KEPT = {
    State.CANCELLED: "There is no model. The settings were kept.",
    State.FAILED: "There is no model. The settings and the log were kept.",
    State.INTERRUPTED: "There is no model yet. The settings, the log and the extracted features "
    "were kept.",
}


def show(run: Run, settings: Settings) -> None:
    """The run, whatever its status.

    Raises:
        RunDamaged: a file cannot be read; `damaged` shows that.
    """
    summary = runs.summarise(run, settings)
    if summary.damaged:
        for read in (run.config, run.dataset, run.manifest, run.report):
            read()
        raise RunDamaged("Its files are not those that the training wrote.")
    if summary.complete:
        finished(run, settings)
    elif summary.state.ended:
        ended_early(run, run.status(settings), settings)
    else:
        _watch(run, settings)


@st.fragment(run_every=1)
def _watch(run: Run, settings: Settings) -> None:
    status = run.status(settings)
    if status.state.ended or run.complete:
        st.rerun()
    queued = status.state is State.QUEUED
    st.header("Queued" if queued else "Training")
    mine = state.may_change(run.id, settings)
    widgets.progress(run.job, settings, "training", "pictures/s", may_cancel=mine)
    curves(run)
    continues = "it starts by itself" if queued else "the training continues"
    st.caption(f"You can close this page: {continues}, and this address leads back to it.")


def curves(run: Run) -> None:
    """Loss and accuracy of both phases, once there are any."""
    epochs = run.epochs()
    if epochs:
        widgets.chart(learning.training_curves(epochs, run.kept()), key=f"curves {run.id}")


def finished(run: Run, settings: Settings) -> None:
    """The accuracy, and where to go next."""
    try:
        report = run.report()
    except TuskerError as refusal:
        st.error(str(refusal))
        return
    if report.leaked:
        st.warning(text.plain(report.headline, 400), icon=":material/content_copy:")
    else:
        st.success(
            f"Accuracy {describe(report.accuracy)} on {text.count(report.pictures, 'picture')} "
            "that were not used for training.",
            icon=":material/check_circle:",
        )
    for kept in run.kept():
        if kept.phase == "fine-tune":
            st.caption(outcome.describe(kept))
    with st.container(horizontal=True):
        if st.button("Try it", type="primary", icon=":material/image_search:"):
            st.switch_page("pages/predict.py", query_params={state.RUN: run.id})
        if st.button("Read the report", icon=":material/fact_check:"):
            st.switch_page("pages/reports.py", query_params={state.RUN: run.id})
    exports.offer(run, settings)
    curves(run)


def ended_early(run: Run, status: Status, settings: Settings) -> None:
    """A run that was cancelled, failed or interrupted: why, what was kept, and how far it was."""
    title, box, icon = ENDED[status.state]
    st.header(title)
    box(text.plain(status.sentence, 900), icon=icon)
    st.markdown(KEPT[status.state])
    curves(run)
    if status.state is not State.CANCELLED:
        _log(run, settings)


def damaged(run: Run, settings: Settings, reason: str) -> None:
    """A run whose files are not those that the training wrote."""
    st.header("Damaged")
    widgets.error(reason, icon=":material/broken_image:")
    st.markdown(
        "A file was changed, cut short or lost after the training had written it. The report and "
        "the model cannot be trusted, so they are not used. The remaining files stay as they are "
        "until you delete the run."
    )
    if settings.mode == "personal":
        st.caption("If you have a copy of its folder, put it back here:")
        st.code(str(run.path), language=None, wrap_lines=True)
    _log(run, settings)


def _log(run: Run, settings: Settings) -> None:
    """The worker's output; for the owner only, since it names folders of the host."""
    log = run.job.log_tail(LOG_LINES) if state.may_change(run.id, settings) else ""
    if log:
        with st.expander("Log", icon=":material/article:"):
            st.code(log, language=None, wrap_lines=True)
