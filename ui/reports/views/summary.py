"""How good it is: the figures, its worst confusions, and each class."""

from __future__ import annotations

from typing import Literal

import numpy as np
import streamlit as st

from core.evaluation import Estimate, Report, describe
from core.evaluation.report import Mistake
from core.evaluation.wording import figures
from ui import resources, state, text
from ui.charts import certainty
from ui.charts import report as charts
from ui.charts.drawing import PLAIN
from ui.reports.views import confusions
from ui.reports.views.opened import Opened

PAIRS = 3
"""Confusions shown as pairs of pictures."""
DRAWN = 8
"""Classes whose curves are drawn at first: those with the smallest area."""
TABLE_HEIGHT = 420
"""Pixels of the table of classes before it scrolls."""
LONG, NARROW = 18, 140
"""Letters of a class from which its column is given pixels, lest a phone show nothing beside it."""
COARSE = 0.1
"""Width of an interval from which a figure has whole per cents."""

Kind = Literal["roc", "precision_recall"]


def show(opened: Opened) -> None:
    """The figures that matter, the worst confusions, the classes, and then everything else."""
    report = opened.report
    _first(report)
    _confused(opened)
    _classes(report)
    with st.expander("All figures", icon=":material/table_rows:", expanded=True):
        _all(report)
    curves = st.expander(
        "ROC and precision–recall of each class",
        icon=":material/show_chart:",
        key=state.CURVES,
        on_change="rerun",
    )
    if curves.open:
        with curves:
            _curves(report)


def _first(report: Report) -> None:
    baseline = report.baseline
    guess = text.plain(report.classes[baseline.label])
    with st.container(horizontal=True):
        st.metric("Accuracy", describe(report.accuracy), border=True)
        st.metric(
            "Macro F1",
            describe(report.macro.f1),
            border=True,
            help="F1 of every class, averaged: a rare class counts as much as a common one.",
        )
        st.metric(
            "Always guessing the commonest",
            describe(baseline.accuracy),
            border=True,
            help=f"By always answering {guess}, which had most training pictures.",
        )
        st.metric(
            "Better than that by",
            points(baseline.gain),
            border=True,
            help="Percentage points of accuracy, on the same test pictures.",
        )
    st.caption("In brackets: where the true figure lies in 95 of 100 test sets like this one.")


def points(gain: Estimate) -> str:
    """A difference in percentage points: `39 points (30 to 47)`."""
    value, low, high = (figure.replace("-", "−") for figure in figures(gain))
    return f"{value} points ({low} to {high})"


def _all(report: Report) -> None:
    """Every figure with its interval and what it means."""
    lines: list[tuple[str, str, str]] = [
        ("Accuracy", describe(report.accuracy), "Pictures that it called what they are."),
        (
            "Balanced accuracy",
            describe(report.balanced_accuracy),
            "The same for each class, averaged: every class counts alike.",
        ),
    ]
    for rank, estimate in enumerate(report.top, start=1):
        if rank in (2, 3, 5):
            meaning = f"Pictures whose label is among its {rank} likeliest answers."
            lines.append((f"Top-{rank} accuracy", describe(estimate), meaning))
    for name, averages, how in (
        ("Macro", report.macro, "every class counts alike"),
        ("Weighted", report.weighted, "a class counts by its pictures"),
    ):
        lines += [
            (
                f"{name} precision",
                describe(averages.precision),
                f"Of those it called a class, how many were of it; {how}.",
            ),
            (
                f"{name} recall",
                describe(averages.recall),
                f"Of those of a class, how many it called so; {how}.",
            ),
            (f"{name} F1", describe(averages.f1), f"Precision and recall in one; {how}."),
        ]
    lines.append(
        (
            "Log loss",
            describe(report.log_loss, percent=False),
            "How little probability it gave to what was right; 0 is the best.",
        )
    )
    names, values, meanings = zip(*lines, strict=True)
    st.table(
        {"Figure": names, "With its interval": values, "What it means": meanings},
        hide_index=True,
        border="horizontal",
        alt="All figures of the report",
    )


def _confused(opened: Opened) -> None:
    """The worst confusions, each as a pair of pictures that leads to its cell."""
    worst = opened.report.confusion.worst[:PAIRS]
    if not worst:
        return
    st.subheader("Most often confused")
    with st.grid(PAIRS, min_column_width=300, gap="medium") as grid:
        for mistake in worst:
            with grid.cell():
                _pair(opened, mistake)


def _pair(opened: Opened, mistake: Mistake) -> None:
    """One that was mistaken beside one that it was taken for, both as sure as there are."""
    classes, rows = opened.report.classes, resources.rows(opened.run)
    was, said = (text.plain(classes[i], 30) for i in (mistake.label, mistake.predicted))
    wrong = rows.cell(mistake.label, mistake.predicted)
    right = rows.cell(mistake.predicted, mistake.predicted)
    with st.grid(2, min_column_width=100, gap="small") as pair:
        for places, caption in (
            (wrong, f"**{was}**, called {said}"),
            (right, f"**{said}**, called so"),
        ):
            with pair.cell():
                _picture(opened, places)
                st.caption(caption if len(places) else f"No picture of {said} was called so.")
    st.button(
        f"{text.count(mistake.count, 'picture')} of {was} called {said}",
        key=f"pair {mistake.label} {mistake.predicted}",
        icon=":material/grid_on:",
        width="stretch",
        on_click=confusions.go_to,
        args=((mistake.label, mistake.predicted),),
    )


def _picture(opened: Opened, places: np.ndarray) -> None:
    if not len(places):
        return
    thumbnail = opened.run.thumbnail(int(places[0]))
    if thumbnail.is_file():
        name = opened.report.predictions[int(places[0])].name
        st.image(str(thumbnail), width="stretch", alt=name)


def _classes(report: Report) -> None:
    st.subheader("By class")
    measure = st.segmented_control(
        "Bars show",
        ["f1", "precision", "recall"],
        format_func={"f1": "F1", "precision": "Precision", "recall": "Recall"}.get,
        default="f1",
        required=True,
        label_visibility="collapsed",
    )
    scores = report.per_class
    bars, table = st.columns([2, 3], gap="medium")
    tall = charts.per_class(report, measure)
    scrolls = tall.layout.height > TABLE_HEIGHT
    with bars, st.container(height=TABLE_HEIGHT if scrolls else "content", border=False):
        st.plotly_chart(tall, config=PLAIN, alt=f"{measure} of each class")
    columns: dict[str, list[object]] = {
        "Class": [score.name for score in scores],
        "Pictures": [score.support for score in scores],
        "Called so": [score.predicted for score in scores],
    }
    long = max(len(score.name) for score in scores) > LONG
    shown = {"Class": st.column_config.TextColumn(pinned=True, width=NARROW if long else None)}
    for name in ("precision", "recall", "f1"):
        title = "F1" if name == "f1" else name.capitalize()
        found: list[Estimate | None] = [getattr(score, name) for score in scores]
        columns[title] = [None if one is None else 100 * one.value for one in found]
        columns[f"{title} between"] = [between(one) for one in found]
        shown[title] = st.column_config.NumberColumn(format=_digits(found))
    with table:
        st.dataframe(
            columns,
            hide_index=True,
            height=TABLE_HEIGHT if len(scores) > 10 else "auto",
            column_config=shown,
            placeholder="–",
            alt="Precision, recall and F1 of each class, with their intervals",
        )
        st.caption(
            "Precision: of the pictures it called so, how many were. "
            "Recall: of the pictures that were, how many it called so. F1: both in one figure."
        )


def _digits(found: list[Estimate | None]) -> str:
    """Per cents with the digits that most of some figures support."""
    widths = sorted(one.high - one.low for one in found if one is not None)
    return "%.1f %%" if widths and widths[len(widths) // 2] < COARSE else "%.0f %%"


def between(estimate: Estimate | None) -> str:
    """An interval alone: `88–97`; a dash for a figure that is not defined."""
    return "–" if estimate is None else "–".join(figures(estimate)[1:])


def _curves(report: Report) -> None:
    """Curves of some classes; at first of those that fare worst."""
    names = {"roc": "ROC", "precision_recall": "Precision–recall"}
    kind: Kind = st.segmented_control(
        "Curve",
        list(names),
        format_func=names.get,
        default="roc",
        required=True,
        label_visibility="collapsed",
    )
    areas = {
        label: curve.area
        for label, pair in enumerate(report.curves)
        if (curve := getattr(pair, kind)) is not None
    }
    worst = sorted(sorted(areas, key=lambda label: areas[label])[:DRAWN])
    labels = st.multiselect(
        "Classes",
        list(areas),
        default=worst,
        format_func=report.classes.__getitem__,
        key=f"curves {kind}",
    )
    st.plotly_chart(
        certainty.class_curves(report, kind, labels),
        config=PLAIN,
        key=f"class curves {kind}",
        alt=f"{names[kind]} of {text.classes(len(labels))}",
    )
    st.caption(
        "Each class against all others. Beside its name: the area under its curve, where 1 is the "
        "best" + ("; 0.5 is chance." if kind == "roc" else ".")
    )
