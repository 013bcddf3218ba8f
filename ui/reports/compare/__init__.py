"""Two or more runs beside each other: which is better, and on which pictures."""

from __future__ import annotations

import string
from collections.abc import Sequence

import streamlit as st

from core import runs as room
from core.errors import RunDamaged, TuskerError
from core.jobs import State
from core.runs.comparison import MOST
from core.runs.run import Run
from core.settings import Settings
from ui import resources, run_line, state, text
from ui.reports import run_list
from ui.reports.compare import changes, figures, verdicts
from ui.reports.compare.side import Side


def wanted(settings: Settings) -> list[Run]:
    """The runs that the address names, from now on of this visit; says so where one is missing."""
    found, refusals = [], []
    for run_id in dict.fromkeys(_asked()):
        try:
            run = room.get(settings, run_id)
        except TuskerError as refusal:
            refusals.append(str(refusal))
            continue
        state.remember_run(run.id)
        found.append(run)
    for refusal in dict.fromkeys(refusals):
        st.warning(refusal)
    if len(found) > MOST:
        st.warning(f"The first {MOST} of {len(found)} runs are compared; more do not fit.")
    return found[:MOST]


def show(runs: Sequence[Run], settings: Settings) -> None:
    """The runs beside each other; the first is the one that the others are compared with."""
    sides = _opened(runs, settings)
    if len(sides) < 2:
        left = f"one is left: {text.plain(sides[0].title)}" if sides else "none is left"
        st.info(f"Two runs are needed to compare; {left}. Choose others from the list.")
        return
    st.title("Which one is better?")
    _named(sides)
    found = resources.pairings([side.run for side in sides])
    verdicts.show(sides, found)
    figures.show(sides, found)
    changes.show(sides, found)
    figures.by_class(sides, found)
    figures.settings(sides)


def leave() -> None:
    """Go back to the list."""
    st.query_params.pop(state.COMPARE, None)
    run_list.close()


def _asked() -> list[str]:
    return [part.strip() for part in state.parameter(state.COMPARE).split(",") if part.strip()]


def _opened(runs: Sequence[Run], settings: Settings) -> list[Side]:
    """Those that can be compared; says of the others why not."""
    sides: list[Side] = []
    for run in runs:
        try:
            if not run.complete:
                st.warning(_unfinished(run, settings), icon=":material/hourglass_top:")
                continue
            measured = resources.measured(run)
            sides.append(Side(string.ascii_uppercase[len(sides)], run, measured))
        except TuskerError as refusal:
            st.error(f"{_title(run)}: {refusal}", icon=":material/broken_image:")
    return sides


def _title(run: Run) -> str:
    try:
        return text.plain(run.title)
    except RunDamaged:
        return f"Run {run.id[:8]}"


def _unfinished(run: Run, settings: Settings) -> str:
    status = run.status(settings).state
    if status in (State.QUEUED, State.RUNNING):
        return f"{_title(run)} is {run_line.SAYS[status]}; it can be compared once it has finished."
    return f"{_title(run)} has no report: it was not finished."


def _named(sides: list[Side]) -> None:
    """Which letter is which run."""
    with st.grid(min_column_width=240, gap="small") as grid:
        for side in sides:
            with grid.cell(), st.container(border=True, height="stretch"):
                _card(side, sides)


def _card(side: Side, sides: list[Side]) -> None:
    # Not `st.page_link`: to the page that it stands on it leaves the address as it was.
    st.button(
        f"**{side.letter}** · {text.plain(side.title, 40)}",
        icon=":material/fact_check:",
        type="tertiary",
        key=f"open {side.run.id}",
        help="Read its report.",
        on_click=_open,
        args=(side.run.id,),
    )
    preset, finished = side.measured.config.preset, side.measured.manifest.completed_at
    st.caption(f"{preset.capitalize()} · {text.date(finished)}")
    if side is sides[0]:
        st.caption(":material/flag: The reference: the others are compared with it.")
        return
    st.button(
        "Make it the reference",
        icon=":material/flag:",
        key=f"reference {side.run.id}",
        on_click=_refer_to,
        args=(side.run.id,),
    )


def _open(run_id: str) -> None:
    state.show_run(run_id)


def _refer_to(run_id: str) -> None:
    others = [other for other in _asked() if other != run_id]
    st.query_params[state.COMPARE] = ",".join([run_id, *others])
