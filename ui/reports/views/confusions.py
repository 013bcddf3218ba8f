"""The confusion matrix, and the pictures of the cell that the address names."""

from typing import get_args

import streamlit as st

from ui import resources, state, text, widgets
from ui.charts import confusion
from ui.reports.views import picture
from ui.reports.views.complete_run import CompleteRun

WORST = 8
"""Confusions that are listed beside the matrix."""
HEIGHT = 720
"""Pixels of a matrix that scrolls, so that the pictures of a cell stay in sight beside it."""
CELLS = {"count": "Pictures", "row": "% of actual", "column": "% of predicted"}

Cell = tuple[int, int]
"""Indices of the actual and the predicted class."""


def show(view: CompleteRun) -> None:
    """The matrix, the most frequent confusions, and the pictures of the chosen cell."""
    parameters = state.CELL_ACTUAL, state.CELL_PREDICTED
    actual, predicted = (_class_in_address(view, parameter) for parameter in parameters)
    chosen = None if actual is None or predicted is None else (actual, predicted)
    matrix, beside = st.columns([3, 2], gap="medium")
    with beside:
        _pictures(view, actual, predicted)
    with matrix:
        _matrix(view, chosen)
    with beside if chosen is None else matrix:  # never below the pictures of a cell
        _worst(view, chosen)


def go_to(cell: Cell) -> None:
    """Make a cell the chosen one, and this the view."""
    st.session_state[state.VIEW] = "Confusions"
    _choose(cell)


def _matrix(view: CompleteRun, chosen: Cell | None) -> None:
    run, size = view.run, len(view.report.classes)
    # The choice is inside, so that the keyboard can reach a container that scrolls.
    with st.container(height=HEIGHT if size > confusion.NAMED else "content", border=False):
        values: confusion.Share = st.radio(
            "Cells show", get_args(confusion.Share), format_func=CELLS.__getitem__, horizontal=True
        )
        key = f"matrix {run.id} {values}"
        widgets.chart(
            resources.matrix(run, values, _cell_to_frame(key, chosen)),
            width="stretch" if size > 6 else 200 + 100 * size,
            on_select=lambda: _choose_clicked(key),
            selection_mode="points",
            key=key,
        )
    if size > confusion.NAMED:
        st.caption("Columns are in the order of the rows. Point at a cell to see its names.")


def _cell_to_frame(key: str, chosen: Cell | None) -> Cell | None:
    """The chosen cell, unless the matrix itself marks it: a frame means drawing it again."""
    if not st.session_state.get(state.FRAMED) and _clicked_cell(key) == chosen:
        return None
    st.session_state[state.FRAMED] = chosen is not None
    return chosen


def _clicked_cell(key: str) -> Cell | None:
    """The cell of the matrix that was clicked, as long as nothing else is chosen."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    if not points:
        return None
    label, predicted, _count = points[0]["customdata"]
    return label, predicted


def _choose_clicked(key: str) -> None:
    cell = _clicked_cell(key)
    if cell is not None:
        _choose(cell)


def _worst(view: CompleteRun, chosen: Cell | None) -> None:
    """The most frequent confusions, as buttons: they do what a click on the matrix does."""
    classes = view.report.classes
    mistakes = view.report.confusion.worst[:WORST]
    st.markdown("**Most often confused**" if mistakes else "No class was confused with another.")
    for mistake in mistakes:
        cell = (mistake.label, mistake.predicted)
        actual, predicted = (text.plain(classes[label], 24) for label in cell)
        widgets.button(
            f"{actual} → {predicted} · {text.count(mistake.count)}",
            _choose,
            cell,
            key=f"worst {cell}",
            width="stretch",
            type="primary" if cell == chosen else "secondary",
            help=f"{text.count(mistake.count, 'picture')} of {actual}, predicted {predicted}.",
        )


def _pictures(view: CompleteRun, actual: int | None, predicted: int | None) -> None:
    classes = view.report.classes
    boxes = {state.ACTUAL_BOX: ("Actual", actual), state.PREDICTED_BOX: ("Predicted", predicted)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for key, (title, label) in boxes.items():
            st.session_state[key] = label
            st.selectbox(
                title,
                range(len(classes)),
                index=None,
                format_func=classes.__getitem__,
                key=key,
                on_change=_write_address,
                placeholder="Choose a class",
                filter_mode="contains",
                width=168,  # two fit a phone
            )
    if actual is None or predicted is None:
        st.caption("Click a cell, or choose both classes, to see its pictures here.")
        return
    indices = resources.rows(view.run).cell(actual, predicted)
    st.markdown(
        f"Actual **{text.plain(classes[actual])}**, predicted "
        f"**{text.plain(classes[predicted])}**: {text.count(len(indices), 'picture')}"
    )
    if len(indices):
        picture.cards(view, indices.tolist(), f"cell {actual} {predicted}")


def _write_address() -> None:
    # Both: the request may bring the address from before the choice in the other box.
    boxes = {state.CELL_ACTUAL: state.ACTUAL_BOX, state.CELL_PREDICTED: state.PREDICTED_BOX}
    for name, key in boxes.items():
        label = st.session_state.get(key)  # the other box may not be drawn yet
        if label is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(label)


def _choose(cell: Cell) -> None:
    # Both at once: each change of the address is a step in the browser's history.
    actual, predicted = map(str, cell)
    st.query_params.update({state.CELL_ACTUAL: actual, state.CELL_PREDICTED: predicted})


def _class_in_address(view: CompleteRun, name: str) -> int | None:
    """The class that a query parameter names; None where it names none of this report."""
    labels = {str(label): label for label in range(len(view.report.classes))}
    return labels.get(state.parameter(name))
