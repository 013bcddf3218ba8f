"""What it takes for what: the matrix, and the pictures of the cell that the address names."""

from __future__ import annotations

import streamlit as st

from ui import resources, state, text
from ui.charts import confusion
from ui.charts.drawing import PLAIN
from ui.reports.views import gallery
from ui.reports.views.opened import Opened

WORST = 8
"""Confusions that are listed beside the matrix."""
HEIGHT = 720
"""Pixels of a matrix before it scrolls, so that the pictures of a cell stay within reach."""

Cell = tuple[int, int]
"""Indices of what it was and what it said."""


def show(opened: Opened) -> None:
    """The matrix, the commonest confusions, and the pictures of the chosen cell."""
    named = _named(opened)
    chosen = None if None in named else named
    matrix, worst = st.columns([3, 1], gap="medium")
    with worst:
        _worst(opened, chosen)
    with matrix:
        _matrix(opened, chosen)
    _pictures(opened, named)


def go_to(cell: Cell) -> None:
    """Make a cell the chosen one, and this the view."""
    st.session_state[state.VIEW] = "Confusions"
    _choose(cell)


def _matrix(opened: Opened, chosen: Cell | None) -> None:
    run, report = opened.run, opened.report
    size = len(report.classes)
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
    key = f"matrix {run.id} {values}"
    figure = resources.matrix(run, values, _framed(key, chosen))
    tall = figure.layout.height > HEIGHT
    with st.container(height=HEIGHT if tall else "content", border=tall):
        st.plotly_chart(
            figure,
            config=PLAIN,
            width="stretch" if size > 6 else 200 + 140 * size,
            on_select=lambda: _clicked(key),
            selection_mode="points",
            key=key,
            alt="Confusion matrix: true classes down, what it said across",
        )
    if size > confusion.NAMED:
        st.caption("Columns stand in the order of the rows. Point at a cell to see its names.")


def _framed(key: str, chosen: Cell | None) -> Cell | None:
    """The chosen cell, unless the matrix itself marks it: a frame means drawing it all anew."""
    if not st.session_state.get(state.FRAMED) and _marked(key) == chosen:
        return None
    st.session_state[state.FRAMED] = chosen is not None
    return chosen


def _marked(key: str) -> Cell | None:
    """The cell of the matrix that was clicked, as long as nothing else is chosen."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    if not points:
        return None
    label, predicted, _count = points[0]["customdata"]
    return label, predicted


def _clicked(key: str) -> None:
    cell = _marked(key)
    if cell is not None:
        _choose(cell)


def _worst(opened: Opened, chosen: Cell | None) -> None:
    """The commonest confusions, as buttons: they do what a click on the matrix does."""
    classes = opened.report.classes
    mistakes = opened.report.confusion.worst[:WORST]
    st.markdown("**Most often confused**" if mistakes else "It confused nothing.")
    for mistake in mistakes:
        was, said = (text.plain(classes[i], 24) for i in (mistake.label, mistake.predicted))
        cell = (mistake.label, mistake.predicted)
        st.button(
            f"{was} → {said} · {mistake.count}",
            key=f"worst {cell}",
            width="stretch",
            type="primary" if cell == chosen else "secondary",
            on_click=_choose,
            args=(cell,),
            help=f"{text.count(mistake.count, 'picture')} of {was}, taken for {said}.",
        )


def _pictures(opened: Opened, named: tuple[int | None, int | None]) -> None:
    classes = opened.report.classes
    label, predicted = st.session_state[state.WAS], st.session_state[state.SAID] = named
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for what, key in (("It was", state.WAS), ("It said", state.SAID)):
            st.selectbox(
                what,
                range(len(classes)),
                index=None,
                format_func=classes.__getitem__,
                key=key,
                on_change=_name,
                placeholder="Choose a class",
                filter_mode="contains",
                width=260,
            )
    if label is None or predicted is None:
        st.caption("Click a cell, or choose both classes, to see its pictures.")
        return
    places = resources.rows(opened.run).cell(label, predicted)
    was, said = text.plain(classes[label]), text.plain(classes[predicted])
    count = text.count(len(places), "picture")
    st.markdown(f"It was **{was}**, it said **{said}**: {count}")
    if len(places):
        gallery.cards(opened, places.tolist(), f"cell {label} {predicted}")


def _name() -> None:
    """Put the classes that were chosen by hand into the address."""
    for name, key in ((state.CELL_WAS, state.WAS), (state.CELL_SAID, state.SAID)):
        label = st.session_state[key]
        if label is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(label)


def _choose(cell: Cell) -> None:
    # At once: each change of the address is a step of the browser's way back.
    was, said = map(str, cell)
    st.query_params.update({state.CELL_WAS: was, state.CELL_SAID: said})


def _named(opened: Opened) -> tuple[int | None, int | None]:
    """The classes that the address names, each None where it names none of this report."""
    return _label(opened, state.CELL_WAS), _label(opened, state.CELL_SAID)


def _label(opened: Opened, name: str) -> int | None:
    number = state.parameter(name)
    if not (number.isascii() and number.isdecimal()) or len(number) > 6:
        return None
    return int(number) if int(number) < len(opened.report.classes) else None
