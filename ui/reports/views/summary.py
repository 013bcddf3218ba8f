"""How good the model is: the figures, its worst confusions, and each class."""

from typing import Any

import streamlit as st

from core.evaluation import Estimate, Report, describe
from core.evaluation.report import Mistake
from core.evaluation.wording import difference, figures, undefined
from ui import resources, state, text, widgets
from ui.charts import bars, certainty
from ui.reports.views import confusions, picture
from ui.reports.views.complete_run import CompleteRun

PAIRS = 3
"""Confusions shown as pairs of pictures."""
TABLE_HEIGHT = 420
"""Pixels of the table and the bars of more than so many classes, which scroll."""
SCROLLS = 10
LONG, NARROW = 18, 140
"""Letters of a class from which its column is narrowed to so many pixels, for phones."""
COARSE = 0.1
"""Width of an interval from which a figure has whole per cents."""
AVERAGED = {
    "precision": "Of the pictures predicted as a class, the share that belongs to it",
    "recall": "Of the pictures of a class, the share that was found",
    "F1": "Harmonic mean of precision and recall",
}


def show(view: CompleteRun) -> None:
    """The most important figures, what would help, confusions, classes, then everything else."""
    report = view.report
    _metrics(report)
    _next_steps(view)
    _confused(view)
    _classes(report)
    with st.expander("All figures", icon=":material/table_rows:"):
        _all(report)
    curves = st.expander(
        "ROC and precision–recall of each class",
        icon=":material/show_chart:",
        key="curves",
        on_change="rerun",
    )
    if curves.open:
        with curves:
            _curves(report)


def _metrics(report: Report) -> None:
    baseline = report.baseline
    common = text.plain(report.classes[baseline.label])
    widgets.metrics(
        ("Accuracy", describe(report.accuracy), ""),
        (
            "Macro F1",
            describe(report.macro.f1),
            "The mean F1 of all classes: a rare class counts as much as a common one.",
        ),
        (
            "Baseline (most common class)",
            describe(baseline.accuracy),
            f"The accuracy of always predicting {common}, which has most training pictures.",
        ),
    )
    st.caption("In brackets: the 95 % confidence interval.")


def _next_steps(view: CompleteRun) -> None:
    """Whether more pictures would help, and labels that may be wrong."""
    curve, issues = view.run.learning_curve(), view.run.label_issues()
    if curve is None and not issues:
        return
    st.header("What would make it better?")
    if curve is not None:
        st.markdown(text.plain(curve.sentence, 900))
    if issues:
        label = f"Review {text.count(len(issues), 'label')} that may be wrong"
        go = st.session_state.update
        widgets.button(label, go, {state.VIEW: "Data"}, icon="arrow_forward")


def _all(report: Report) -> None:
    lines: list[tuple[str, str, str]] = [
        ("Accuracy", describe(report.accuracy), "Share of test pictures classified correctly."),
        (
            "Gain over the baseline",
            difference(report.baseline.gain),
            "Percentage points of accuracy above always predicting the most common class.",
        ),
        (
            "Balanced accuracy",
            describe(report.balanced_accuracy),
            "The mean recall of all classes: every class counts alike.",
        ),
    ]
    for rank, estimate in enumerate(report.top, start=1):
        if rank in (2, 3, 5):
            meaning = f"Share of pictures whose class is among the {rank} likeliest."
            lines.append((f"Top-{rank} accuracy", describe(estimate), meaning))
    for name, averages, weighting in (
        ("Macro", report.macro, "every class counts alike"),
        ("Weighted", report.weighted, "a class counts by its pictures"),
    ):
        for measure, meaning in AVERAGED.items():
            estimate = getattr(averages, measure.lower())
            lines.append((f"{name} {measure}", describe(estimate), f"{meaning}; {weighting}."))
    log_loss = describe(report.log_loss, percent=False)
    lines.append(
        ("Log loss", log_loss, "Penalises a low probability of the actual class; 0 is best.")
    )
    names, values, meanings = zip(*lines, strict=True)
    st.table(
        {"Figure": names, "With 95 % interval": values, "What it means": meanings},
        hide_index=True,
        border="horizontal",
        alt="All figures of the report",
    )
    if gaps := undefined(report):
        st.caption(text.plain(gaps, 600))


def _confused(view: CompleteRun) -> None:
    """The worst confusions, each as a pair of pictures that leads to its cell."""
    worst = view.report.confusion.worst[:PAIRS]
    if not worst:
        return
    st.header("Most often confused")
    with st.grid(PAIRS, min_column_width=300, gap="medium") as grid:
        for mistake in worst:
            with grid.cell():
                _pair(view, mistake)


def _pair(view: CompleteRun, mistake: Mistake) -> None:
    """A wrong picture beside a correct one of the predicted class, both with high probability."""
    cell = (mistake.label, mistake.predicted)
    actual, predicted = (text.plain(view.report.classes[label], 30) for label in cell)
    rows = resources.rows(view.run)
    with st.grid(2, min_column_width=100, gap="small") as pair:
        for indices, caption in (
            (rows.cell(*cell), f"**{actual}**, predicted {predicted}"),
            (rows.cell(mistake.predicted, mistake.predicted), f"**{predicted}**, correct"),
        ):
            with pair.cell():
                if len(indices):
                    picture.thumbnail(view, int(indices[0]))
                    st.caption(caption)
                else:
                    st.caption(f"No picture of {predicted} was classified correctly.")
    label = f"{text.count(mistake.count, 'picture')} of {actual} predicted {predicted}"
    go, key = confusions.go_to, f"pair {mistake.label} {mistake.predicted}"
    widgets.button(label, go, cell, icon="grid_on", key=key, width="stretch")


def _classes(report: Report) -> None:
    st.header("By class")
    scores = report.per_class
    left, table = st.columns([1, 2], gap="medium")
    scrolls = len(scores) > SCROLLS
    # The choice is inside, so that the keyboard can reach a container that scrolls.
    with left, st.container(height=TABLE_HEIGHT if scrolls else "content", border=False):
        measure: bars.Measure = widgets.choice(
            "Bars show",
            list(bars.TITLES),
            format_func=bars.TITLES.__getitem__,
        )
        widgets.chart(bars.per_class(report, measure))
    columns: dict[str, list[object]] = {
        "Class": [score.name for score in scores],
        "Pictures": [score.support for score in scores],
        "Predicted": [score.predicted for score in scores],
    }
    long = max(len(score.name) for score in scores) > LONG
    config: dict[str, Any] = {
        "Class": st.column_config.TextColumn(pinned=True, width=NARROW if long else None)
    }
    for name in ("precision", "recall", "f1"):
        title = bars.TITLES[name]
        estimates: list[Estimate | None] = [getattr(score, name) for score in scores]
        columns[title] = [None if e is None else text.column_percent(e.value) for e in estimates]
        columns[f"{title} interval"] = [interval(e) for e in estimates]
        config[title] = st.column_config.NumberColumn(format=_number_format(estimates))
    with table:
        st.dataframe(
            columns,
            hide_index=True,
            height=TABLE_HEIGHT if scrolls else "auto",
            column_config=config,
            placeholder="–",
            alt="Precision, recall and F1 of each class, with their intervals",
        )
        st.caption(
            "Precision: of the pictures predicted as this class, the share that belongs to it. "
            "Recall: of the pictures of this class, the share that was found. F1: the harmonic "
            "mean of both."
        )


def _number_format(estimates: list[Estimate | None]) -> str:
    """Per cents with the digits that most intervals support, or so that none rounds to 0 or 100."""
    present = [estimate for estimate in estimates if estimate is not None]
    widths = sorted(estimate.high - estimate.low for estimate in present)
    rounds = any(0 < e.value < 1 and not 0.005 < e.value < 0.995 for e in present)
    fine = rounds or (widths and widths[len(widths) // 2] < COARSE)
    return "%.1f %%" if fine else "%.0f %%"


def interval(estimate: Estimate | None) -> str:
    """An interval alone: `88–97`; a dash for a figure that is not defined."""
    return "–" if estimate is None else "–".join(figures(estimate)[1:])


def _curves(report: Report) -> None:
    kind: certainty.Kind = widgets.choice(
        "Curve", list(certainty.CURVES), format_func=certainty.CURVES.__getitem__
    )
    curves = certainty.curves_by_class(report, kind)
    labels = st.multiselect(
        "Classes",
        list(curves),
        default=certainty.smallest(curves),
        format_func=report.classes.__getitem__,
        key=f"curves {kind}",
    )
    widgets.chart(certainty.class_curves(report, kind, labels), key=f"class curves {kind}")
    st.caption(
        "Each class against all others. Beside its name: the area under its curve, where 1 is the "
        "best" + ("; 0.5 is chance." if kind == "roc" else ".")
    )
