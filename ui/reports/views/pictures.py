"""Every test picture: found by what was said of it, put in order, taken away as CSV."""

from __future__ import annotations

import csv
import io
from typing import get_args

import streamlit as st

from core.evaluation import browsing
from core.evaluation.browsing import ORDERS, Filters, Rows, Verdict
from core.predict.table import inert
from ui import resources, state, text
from ui.charts.drawing import share
from ui.reports.views import gallery
from ui.reports.views.opened import Opened

ONLY: dict[str, bool | None] = {"All": None, "Wrong": False, "Right": True}
TOP = 5
"""Answers of a picture that a line of the CSV holds."""


def show(opened: Opened) -> None:
    """The filters, how many pictures pass them, and those pictures."""
    rows = resources.rows(opened.run)
    wanted, order = _asked(opened, rows)
    places = browsing.find(rows, wanted, order)
    wrong = int((~rows.right[places]).sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{text.count(len(places), 'picture')} of {opened.report.pictures:,}, {wrong:,} wrong",
            width="stretch",
        )
        st.download_button(
            "Download as CSV",
            lambda: table(opened, rows, places.tolist()),
            file_name="pictures.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            disabled=not len(places),
        )
    if not len(places):
        st.caption("No test picture is like that.")
        return
    gallery.show(opened, places.tolist(), state.PAGE)


def _asked(opened: Opened, rows: Rows) -> tuple[Filters, str]:
    """What the filters ask for; each is in the address."""
    classes = list(opened.report.classes)
    threshold = opened.run.annotations().threshold
    only = st.segmented_control(
        "Show",
        list(ONLY),
        default="All",
        required=True,
        key=state.ONLY,
        bind="query-params",
        on_change=_first_page,
    )
    with st.grid(3, min_column_width=160, gap="small", vertical_alignment="bottom"):
        order = st.selectbox(
            "Order",
            list(ORDERS),
            key=state.ORDER,
            bind="query-params",
            on_change=_first_page,
        )
        label = _class("It was", classes, state.CLASS)
        predicted = _class("It said", classes, state.CALLED)
        named = st.text_input(
            "File",
            key=state.FILE,
            bind="query-params",
            on_change=_first_page,
            placeholder="Part of its name",
        )
        verdict: Verdict | None = None
        if threshold > 0 or rows.ood_score is not None:
            verdict = st.selectbox(
                "It would answer",
                get_args(Verdict),
                index=None,
                key=state.ANSWERED,
                bind="query-params",
                on_change=_first_page,
                placeholder="Anything",
                help=f"“Not sure” below {share(threshold)}, which is set under Certainty."
                if threshold > 0
                else "It is never “not sure”: no threshold is set under Certainty.",
            )
        low, high = st.slider(
            "How sure it was",
            0,
            100,
            (0, 100),
            format="%d %%",
            key=state.SURENESS,
            bind="query-params",
            on_change=_first_page,
        )
    wanted = Filters(
        label=None if label is None else classes.index(label),
        predicted=None if predicted is None else classes.index(predicted),
        right=ONLY[only],
        low=low / 100,
        high=high / 100,
        verdict=verdict,
        threshold=threshold,
        text=named.strip(),
    )
    return wanted, order


def _class(label: str, classes: list[str], key: str) -> str | None:
    return st.selectbox(
        label,
        classes,
        index=None,
        key=key,
        bind="query-params",
        on_change=_first_page,
        placeholder="Any class",
        filter_mode="contains",
    )


def _first_page() -> None:
    st.session_state[state.PAGE] = 1


def table(opened: Opened, rows: Rows, places: list[int]) -> str:
    """The pictures as CSV, one a line; a cell that a spreadsheet would run is made text."""
    classes = opened.report.classes
    count = min(TOP, len(classes))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["file", "label", "said", "right", "probability", "strangeness"]
        + [f"{what} {rank}" for rank in range(1, count + 1) for what in ("answer", "probability")]
    )
    for place in places:
        said = opened.report.predictions[place]
        strange = "" if rows.ood_score is None else f"{rows.ood_score[place]:g}"
        line: list[object] = [
            inert(said.name),
            inert(classes[said.label]),
            inert(classes[said.predicted]),
            "yes" if said.label == said.predicted else "no",
            said.probability,
            strange,
        ]
        for label, probability in said.top[:count]:
            line += [inert(classes[label]), probability]
        writer.writerow(line)
    return out.getvalue()
