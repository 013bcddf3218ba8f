"""One function a view of a report; each shows what it is called."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.errors import TuskerError
from core.evaluation import Report, describe
from core.evaluation.report import Prediction
from core.runs import Run
from core.settings import Settings
from ui import certainty_charts, charts, confusion_chart, exports, learning, live, state, text
from ui.drawing import share

PAGE = 24
"""Pictures on a page of a gallery."""
PLAIN = {"displayModeBar": False}


def summary(_run: Run, report: Report, _: Settings) -> None:
    """The headline figures and each class."""
    gain = report.baseline
    with st.container(horizontal=True):
        st.metric("Accuracy", describe(report.accuracy), border=True)
        st.metric("Macro F1", describe(report.macro.f1), border=True)
        st.metric(
            "Always guessing the commonest",
            describe(gain.accuracy),
            border=True,
            help=f"By always answering {text.plain(report.classes[gain.label])}.",
        )
    st.caption("In brackets: where the true figure lies in 95 of 100 test sets like this one.")
    st.dataframe(
        {
            "": ["Macro average", "Weighted average"],
            "Precision": [describe(a.precision) for a in (report.macro, report.weighted)],
            "Recall": [describe(a.recall) for a in (report.macro, report.weighted)],
            "F1": [describe(a.f1) for a in (report.macro, report.weighted)],
        },
        hide_index=True,
    )
    measure = st.segmented_control(
        "By class",
        ["f1", "precision", "recall"],
        format_func={"f1": "F1", "precision": "Precision", "recall": "Recall"}.get,
        default="f1",
        required=True,
    )
    st.plotly_chart(charts.per_class(report, measure), config=PLAIN, alt=f"{measure} of each class")
    st.dataframe(
        {
            "Class": [score.name for score in report.per_class],
            "Test pictures": [score.support for score in report.per_class],
            "Precision": [describe(score.precision) for score in report.per_class],
            "Recall": [describe(score.recall) for score in report.per_class],
            "F1": [describe(score.f1) for score in report.per_class],
        },
        hide_index=True,
    )
    st.caption(
        "Precision: of the pictures it called so, how many were. "
        "Recall: of the pictures that were, how many it called so. F1: both in one figure."
    )


def confusions(run: Run, report: Report, _: Settings) -> None:
    """The matrix, and the pictures of the cell that was clicked."""
    values = st.segmented_control(
        "Cells show",
        ["count", "row", "column"],
        format_func={
            "count": "Pictures",
            "row": "% of what it was",
            "column": "% of what it said",
        }.get,
        default="count",
        required=True,
    )
    clicked = st.plotly_chart(
        confusion_chart.confusion_matrix(report, values=values),
        config=PLAIN,
        width="stretch" if len(report.classes) > 6 else 200 + 140 * len(report.classes),
        on_select="rerun",
        selection_mode="points",
        key=f"matrix {run.id} {values}",
        alt="Confusion matrix: true classes down, what it said across",
    )
    points = clicked["selection"]["points"]
    if not points:
        st.caption("Click a cell to see its pictures.")
        return
    label, predicted, _count = points[0]["customdata"]
    st.markdown(
        f"It was **{text.plain(report.classes[label])}**, "
        f"it said **{text.plain(report.classes[predicted])}**"
    )
    places = [
        place
        for place, said in enumerate(report.predictions)
        if (said.label, said.predicted) == (label, predicted)
    ]
    if not places:
        st.caption("No pictures.")
    _gallery(run, report, places, "cell")


ORDERS: dict[str, Callable[[Prediction], tuple[bool, float]]] = {
    "Wrong first": lambda said: (said.label == said.predicted, -said.probability),
    "Least sure first": lambda said: (False, said.probability),
    "Surest first": lambda said: (False, -said.probability),
}


def pictures(run: Run, report: Report, _: Settings) -> None:
    """Every test picture with what was said of it."""
    wrong = report.pictures - report.right
    left, right = st.columns(2)
    only = left.segmented_control(
        "Show", ["Wrong", "All"], default="Wrong" if wrong else "All", required=True
    )
    order = right.selectbox("Order", list(ORDERS))
    chosen = [
        place
        for place, said in enumerate(report.predictions)
        if only == "All" or said.label != said.predicted
    ]
    st.caption(f"{text.count(len(chosen), 'picture')} · {wrong} of {report.pictures} wrong")
    chosen.sort(key=lambda place: ORDERS[order](report.predictions[place]))
    _gallery(run, report, chosen, "pictures")


def _gallery(run: Run, report: Report, places: list[int], key: str) -> None:
    pages = max(1, -(-len(places) // PAGE))
    page = st.pagination(pages, key=f"page {key}") if pages > 1 else 1
    with st.grid(min_column_width=130, gap="small", key=f"gallery {key}") as grid:
        for place in places[(page - 1) * PAGE : page * PAGE]:
            said = report.predictions[place]
            with grid.cell():
                _one(run, report, place, said)


def _one(run: Run, report: Report, place: int, said: Prediction) -> None:
    thumbnail = run.thumbnail(place)
    if thumbnail.is_file():
        st.image(str(thumbnail), width="stretch", alt=said.name)
    named = text.plain(report.classes[said.predicted], 30)
    if said.label == said.predicted:
        line = f":material/check: {named} {share(said.probability)}"
    else:
        was = text.plain(report.classes[said.label], 30)
        line = f":material/close: {named} {share(said.probability)}, was **{was}**"
    st.caption(line, help=text.plain(said.name))


def certainty(_: Run, report: Report, __: Settings) -> None:
    """How far the probabilities can be believed."""
    off = describe(report.certainty.before.error)
    if report.certainty.temperature is None:
        st.caption(f"Its probabilities are off by {off} on average.")
    else:
        st.caption(
            f"Its probabilities are off by {off} on average. Scaled by a temperature of "
            f"{report.certainty.temperature:.2f}, fitted on validation pictures, they would be off "
            f"by {describe(report.certainty.after.error if report.certainty.after else None)}. "
            "Predict shows them unscaled."
        )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**When it says 90 %, is it right 90 times in 100?**")
        st.plotly_chart(
            certainty_charts.reliability(report.certainty), config=PLAIN, alt="Reliability diagram"
        )
    with right:
        st.markdown("**If it may say nothing when unsure, how often is it wrong?**")
        st.plotly_chart(
            certainty_charts.coverage(report.certainty), config=PLAIN, alt="Error by coverage"
        )


def training(run: Run, _: Report, __: Settings) -> None:
    """Curves of both phases, whether more pictures would help, and the settings."""
    live.curves(run)
    for kept in run.kept():
        which = f"epoch {kept.epoch} was kept" if kept.epoch else live.STARTS[kept.phase]
        st.caption(
            f"{live.PHASES[kept.phase]}: {which}, with a validation loss of "
            f"{kept.validation_loss:.3f}."
        )
    learning.show(run)
    with st.expander("Settings", icon=":material/tune:"):
        st.json(run.config().model_dump(mode="json"))


def data(run: Run, _: Report, __: Settings) -> None:
    """What it was taught on, what was left out, and whose label is in doubt."""
    dataset = run.dataset()
    _suspects(run, dataset.classes)
    splits = ("train", "validation", "test")
    st.dataframe(
        {
            "Class": [*dataset.classes, "All"],
            **{
                split.capitalize(): [
                    *(dataset.count(label, split) for label in range(len(dataset.classes))),
                    len(dataset.of(split)),
                ]
                for split in splits
            },
        },
        hide_index=True,
    )
    if dataset.predefined:
        st.caption("The upload came with its own test pictures; they were used as they were.")
    if dataset.skipped:
        st.caption(
            f"{text.count(len(dataset.skipped), 'file was left out', 'files were left out')}."
        )
        st.dataframe(
            {
                "File": [skipped.name for skipped in dataset.skipped],
                "Why": [skipped.reason for skipped in dataset.skipped],
            },
            hide_index=True,
        )


def _suspects(run: Run, classes: tuple[str, ...]) -> None:
    suspects = run.suspects()
    if not suspects:
        return
    count = text.count(
        len(suspects),
        "training picture may have the wrong label",
        "training pictures may have the wrong label",
    )
    with (
        st.expander(f":material/warning: {count}"),
        st.grid(min_column_width=130, gap="small") as grid,
    ):
        for place, suspect in enumerate(suspects[:PAGE]):
            with grid.cell():
                st.image(str(run.suspect_thumbnail(place)), width="stretch", alt=suspect.name)
                given, looks = classes[suspect.label], classes[suspect.suggested]
                st.caption(
                    f"In **{text.plain(given, 30)}**, looks like **{text.plain(looks, 30)}** "
                    f"({share(suspect.probability)})",
                    help=text.plain(suspect.name),
                )


def export(run: Run, _: Report, settings: Settings) -> None:
    """The files to take away."""
    exports.show(run, settings)


VIEWS: dict[str, Callable[[Run, Report, Settings], None]] = {
    "Summary": summary,
    "Confusions": confusions,
    "Pictures": pictures,
    "Certainty": certainty,
    "Training": training,
    "Data": data,
    "Export": export,
}


def show(run: Run, settings: Settings) -> None:
    """The report of a complete run, one view at a time."""
    try:
        report = run.report()
    except TuskerError as refusal:
        st.error(str(refusal), icon=":material/broken_image:")
        return
    headline, action = st.columns([5, 1], vertical_alignment="center")
    headline.subheader(text.plain(report.headline, 400))
    if action.button("Try it", icon=":material/image_search:", type="primary", width="stretch"):
        st.switch_page("pages/predict.py", query_params={state.RUN: run.id})
    view = st.segmented_control(
        "View",
        list(VIEWS),
        default="Summary",
        required=True,
        key=state.VIEW,
        bind="query-params",
        label_visibility="collapsed",
    )
    VIEWS[view](run, report, settings)
