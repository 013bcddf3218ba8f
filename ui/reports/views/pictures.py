"""Every test picture: filtered, in order, as CSV."""

from collections.abc import Iterator
from typing import Any

import streamlit as st

from core.evaluation import browsing
from core.evaluation.browsing import ORDERS, Rows, VerdictName
from ui import resources, state, text, widgets
from ui.reports.views import picture
from ui.reports.views.complete_run import CompleteRun

ONLY: dict[str, bool | None] = {"All": None, "Wrong": False, "Correct": True}
VERDICTS: dict[str, VerdictName] = {
    "Sure": "sure",
    "Not sure": "not sure",
    "Not like the training pictures": "unlike",
}
FILTERS = (state.ACTUAL, state.PREDICTED, state.FILE, state.VERDICT, state.PROBABILITY)
"""Parameters of the address whose fields are folded away while none is set."""
TOP = 5
"""Answers of a picture in a line of the CSV."""


def show(view: CompleteRun) -> None:
    """The filters, how many pictures pass them, and those pictures."""
    rows = resources.rows(view.run)
    indices = _filtered(view, rows)
    wrong = int((~rows.correct[indices]).sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{text.count(len(indices), 'picture')} of {view.report.pictures:,}, {wrong:,} wrong",
            width="stretch",
        )
        widgets.download_csv(
            csv_header(view),
            lambda: csv_rows(view, rows, indices),
            "pictures.csv",
            disabled=not indices,
        )
    if indices:
        picture.tiles(view, indices, state.PAGE)
    else:
        st.caption("No test picture matches.")


def _filtered(view: CompleteRun, rows: Rows) -> list[int]:
    """Show the filters, each of which is in the address. Returns the pictures that pass them."""
    classes = list(view.report.classes)
    threshold = view.run.annotations().threshold
    bound: dict[str, Any] = {"bind": "query-params", "on_change": st.session_state.update}
    bound["args"] = ({state.PAGE: 1},)
    optional: dict[str, Any] = {
        "index": None,
        "placeholder": "Any class",
        "filter_mode": "contains",
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        only = st.radio("Show", list(ONLY), key=state.ONLY, **bound, horizontal=True, width=230)
        order = st.selectbox("Order", list(ORDERS), key=state.ORDER, **bound, width=230)
    active = any(map(state.parameter, FILTERS))
    with (
        st.expander("Filters", icon=":material/filter_list:", expanded=active),
        st.grid(3, min_column_width=140, gap="small", vertical_alignment="bottom"),
    ):
        actual = st.selectbox("Actual", classes, key=state.ACTUAL, **optional, **bound)
        predicted = st.selectbox("Predicted", classes, key=state.PREDICTED, **optional, **bound)
        name = st.text_input("File", key=state.FILE, placeholder="Part of its name", **bound)
        verdict: str | None = None
        if threshold > 0 or rows.ood_score is not None:
            verdict = st.selectbox(
                "Verdict",
                list(VERDICTS),
                key=state.VERDICT,
                help=f"“Not sure” below {text.share(threshold)}, which is set under Certainty."
                if threshold > 0
                else "Never “Not sure”: no threshold is set under Certainty.",
                **optional,
                **bound,
            )
        low, high = st.slider(
            "Probability", 0, 100, (0, 100), format="%d %%", key=state.PROBABILITY, **bound
        )
    indices = browsing.find(
        rows,
        order,
        label=None if actual is None else classes.index(actual),
        predicted=None if predicted is None else classes.index(predicted),
        correct=ONLY[only],
        low=low / 100,
        high=high / 100,
        verdict=VERDICTS[verdict] if verdict else None,
        threshold=threshold,
        text=name.strip(),
    )
    return indices.tolist()


def csv_header(view: CompleteRun) -> list[str]:
    """Columns of the CSV."""
    header = ["file", "actual", "predicted", "correct", "probability", "ood score"]
    for rank in range(1, min(TOP, len(view.report.classes)) + 1):
        header += [f"class {rank}", f"probability {rank}"]
    return header


def csv_rows(view: CompleteRun, rows: Rows, indices: list[int]) -> Iterator[list[object]]:
    """One row per picture."""
    classes = view.report.classes
    for index in indices:
        prediction = view.report.predictions[index]
        row: list[object] = [
            prediction.name,
            classes[prediction.label],
            classes[prediction.predicted],
            "yes" if prediction.label == prediction.predicted else "no",
            prediction.probability,
            "" if rows.ood_score is None else f"{rows.ood_score[index]:g}",
        ]
        for label, probability in prediction.top[:TOP]:
            row += [classes[label], probability]
        yield row
