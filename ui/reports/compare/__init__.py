"""Two or more runs side by side: which is better, and on which pictures."""

import string
from collections.abc import Sequence

import streamlit as st

from core import runs
from core.errors import RunDamaged, TuskerError
from core.jobs import State
from core.runs.comparison import MOST
from core.runs.run import Run
from core.settings import Settings
from ui import models, resources, run_line, state, text, widgets
from ui.reports.compare import changes, figures
from ui.reports.compare.figures import Column


def current(settings: Settings) -> list[Run]:
    """The runs that the address names, which this visit may list from now on."""
    missing: list[str] = []
    opened = [models.opened(run_id, settings, missing.append) for run_id in _run_ids()]
    named = [run for run in opened if run is not None]
    for sentence in dict.fromkeys(missing):
        st.warning(sentence)
    if len(named) > MOST:
        st.warning(
            f"At most {MOST} runs can be compared. The first {MOST} of {len(named)} are shown."
        )
    return named[:MOST]


def show(compared: Sequence[Run], settings: Settings) -> None:
    """The runs side by side; the first is the reference."""
    readable = _readable(compared, settings)
    if len(readable) < 2:
        remaining = f"one is left: {_title(readable[0])}" if readable else "none is left"
        st.info(f"Two runs are needed to compare; {remaining}. Choose others from the list.")
        return
    pairings = (None, *resources.pairings(tuple(readable)))
    columns = [
        Column(letter, run, resources.compared_run(run), pairing)
        for letter, run, pairing in zip(string.ascii_uppercase, readable, pairings, strict=False)
    ]
    st.title("Which one is better?")
    with st.grid(min_column_width=240, gap="small") as grid:
        for column in columns:
            with grid.cell(), st.container(border=True, height="stretch"):
                _card(column, reference=column is columns[0])
    figures.verdicts(columns)
    figures.table(columns)
    changes.show(columns)
    figures.by_class(columns)
    figures.settings(columns)


def leave() -> None:
    """Go back to the list."""
    st.query_params.pop(state.COMPARE, None)
    state.show_run()


def _run_ids() -> list[str]:
    parts = map(str.strip, state.parameter(state.COMPARE).split(","))
    return list(dict.fromkeys(filter(None, parts)))


def _readable(compared: Sequence[Run], settings: Settings) -> list[Run]:
    """The runs that can be compared; says why for the others."""
    readable: list[Run] = []
    for run in compared:
        try:
            if run.complete:
                resources.compared_run(run)
                readable.append(run)
            else:
                st.warning(_explain_unfinished(run, settings), icon=":material/hourglass_top:")
        except TuskerError as refusal:
            st.error(f"{_title(run)}: {refusal}", icon=":material/broken_image:")
    return readable


def _title(run: Run) -> str:
    try:
        return text.plain(run.title)
    except RunDamaged:
        return f"Run {run.id[:8]}"


def _explain_unfinished(run: Run, settings: Settings) -> str:
    status = run.status(settings).state
    if status in (State.QUEUED, State.RUNNING):
        return f"{_title(run)} can be compared once it has finished."
    return f"{_title(run)} has no report. Status: {run_line.STATUS[status].lower()}."


def _card(column: Column, *, reference: bool) -> None:
    # Not `st.page_link`: a link to the page that is shown does not change the address.
    run_id = column.run.id
    widgets.button(
        f"**{column.letter}** · {text.plain(column.title, 40)}",
        state.show_run,
        run_id,
        icon="fact_check",
        type="tertiary",
        key=f"open {run_id}",
        help="Read its report.",
    )
    summary = runs.summarise(column.run, resources.settings())
    st.caption(f"{run_line.preset(summary.preset)} · {run_line.date(summary.at)}")
    if reference:
        st.caption(":material/flag: Reference")
        return
    key = f"reference {run_id}"
    widgets.button("Make it the reference", _make_reference, run_id, icon="flag", key=key)


def _make_reference(run_id: str) -> None:
    others = [run for run in _run_ids() if run != run_id]
    st.query_params[state.COMPARE] = ",".join([run_id, *others])
