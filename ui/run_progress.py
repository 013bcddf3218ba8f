"""A run without an open report: progress, curves, result, or why it ended early."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import streamlit as st

from core import intake
from core.errors import RunDamaged, TuskerError
from core.estimating import estimate
from core.evaluation import Report
from core.evaluation.wording import figures, is_better
from core.export import card
from core.jobs import State, Status
from core.jobs.events import Epoch, Event, Kept, Step
from core.runs import Run, Summary
from core.settings import Settings
from ui import exports, job_progress, resources, run_line, state, text, widgets
from ui.charts import learning

LOG_LINES = 60
STRIP, SHOWN = 8, 200
"""Pictures that are shown at once while a run trains, and of how many these are."""
ENDED = {
    State.CANCELLED: ("There is no model. The settings were kept.", st.info),
    State.FAILED: ("There is no model. The settings and the log were kept.", st.error),
    State.INTERRUPTED: (
        "There is no model yet. The settings, the log and the extracted features were kept.",
        st.warning,
    ),
}


def show(
    run: Run, summary: Summary, settings: Settings, show_complete: Callable[[Run, Settings], None]
) -> None:
    """The run, whatever its status; if it is complete, by a function."""
    try:
        if summary.damaged:
            for read in (run.config, run.dataset, run.manifest, run.report):
                read()
            raise RunDamaged("Its files are not those that the training wrote.")
        if summary.complete:
            show_complete(run, settings)
        elif summary.state.ended:
            _ended_early(run, run.status(settings), settings)
        else:
            job_progress.poll(
                lambda: run.complete or run.status(settings).state.ended,
                lambda: _draw(run, settings),
            )
    except TuskerError as refusal:
        _damaged(run, settings, str(refusal))


def _draw(run: Run, settings: Settings) -> None:
    queued, events = run.status(settings).state is State.QUEUED, run.events()
    st.header("Queued" if queued else "Training")
    may_cancel = state.may_change(run.id, settings)
    expected, thumbnails = _expected_time_and_thumbnails(run, settings)
    job_progress.show(
        run.job,
        settings,
        "training",
        "pictures/s",
        may_cancel=may_cancel,
        expected=expected,
    )
    if thumbnails and not queued:
        steps = [event for event in events if isinstance(event, Step)]
        at = steps[-1].done if steps else 0
        count = min(STRIP, len(thumbnails))
        # As they are: cutting new ones to squares at each rerun would slow the training down.
        st.image(
            [
                text.data_url(thumbnails[index % len(thumbnails)].read_bytes())
                for index in range(at, at + count)
            ],
            width=48,
            alt=["One of the pictures"] * count,
        )
    _chart(run, events)
    continues = "it starts by itself" if queued else "the training continues"
    st.caption(f"You can close this page: {continues}, and this address leads back to it.")


@st.cache_resource(
    scope="session", max_entries=4, show_spinner=False, hash_funcs={Run: lambda run: run.id}
)
def _expected_time_and_thumbnails(run: Run, _settings: Settings) -> tuple[float, list[Path]]:
    """Seconds that a training is expected to take, and small copies of its pictures."""
    dataset, pictures = run.dataset(), run.pictures
    seconds = estimate.estimate(dataset, run.config(), _settings).scored
    if pictures is None:
        return seconds, []
    examples = dataset.examples[:: max(1, len(dataset.examples) // SHOWN)]
    copies = (intake.thumbnail(pictures.parent, example) for example in examples)
    return seconds, [copy for copy in copies if copy.is_file()]


def curves(run: Run) -> None:
    """Loss and accuracy of both phases, once there are any, and what was kept."""
    _chart(run, run.events())
    for sentence in card.describe_choices(run):
        st.caption(sentence)


def _chart(run: Run, events: tuple[Event, ...]) -> None:
    epochs = tuple(event for event in events if isinstance(event, Epoch))
    kept = tuple(event for event in events if isinstance(event, Kept))
    if epochs:  # the first one tells the unit of the axis
        widgets.chart(_training_curves(epochs, kept), key=f"curves {run.id}")


# Drawn again only if there are more events: Plotly takes 50 ms.
_training_curves = st.cache_resource(
    scope="session",
    max_entries=4,
    show_spinner=False,
    hash_funcs={Epoch: attrgetter("at"), Kept: attrgetter("at")},
)(learning.training_curves)


def finished(run: Run, settings: Settings) -> None:
    """The accuracy, and where to go next."""
    report = resources.report(run)
    if report.leaked:
        st.warning(text.plain(report.headline, 400), icon=":material/content_copy:")
    else:
        value, low, high = figures(report.accuracy)
        accuracy = (
            f"**Accuracy {value} %** on {text.count(report.pictures, 'picture')} that the training "
            f"has not seen (95 % confidence interval: {low}–{high} %)."
        )
        if is_better(report.accuracy, report.baseline):
            st.success(accuracy, icon=":material/check_circle:")
        else:
            common = text.plain(report.classes[report.baseline.label])
            st.info(
                f"{accuracy} Not shown to be better than always predicting {common}.",
                icon=":material/info:",
            )
    with st.container(horizontal=True):
        query = {state.RUN: run.id}
        widgets.lead_to("predict", "Try it", "image_search", query, type="primary")
        widgets.lead_to("reports", "Read the report", "fact_check", query)
        _next_step(run, report)
    exports.offer(run, settings)
    _chart(run, run.events())  # what was chosen and why is in the report


def _next_step(run: Run, report: Report) -> None:
    """What would help most: doubtful labels, else the two classes that are confused most."""
    issues, worst = run.label_issues(), report.confusion.worst
    query = {state.RUN: run.id}
    if issues:
        label = f"Review {text.count(len(issues), 'label')} that may be wrong"
        query |= {state.VIEW: "Data"}
    elif worst:
        names = [text.plain(report.classes[c], 24) for c in (worst[0].label, worst[0].predicted)]
        label = f"See why {names[0]} is predicted as {names[1]}"
        query |= {state.VIEW: "Confusions", state.CELL_ACTUAL: str(worst[0].label)}
        query |= {state.CELL_PREDICTED: str(worst[0].predicted)}
    else:
        return
    widgets.lead_to("reports", label, "arrow_forward", query)


def _ended_early(run: Run, status: Status, settings: Settings) -> None:
    kept, box = ENDED[status.state]
    title = run_line.STATUS[status.state]
    st.header(title)
    if status.sentence.rstrip(".") != title:
        box(text.plain(status.sentence, 900), icon=run_line.BADGES[title][1])
    st.markdown(kept)
    curves(run)
    if status.state is not State.CANCELLED:
        _log(run, settings)


def _damaged(run: Run, settings: Settings, reason: str) -> None:
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
