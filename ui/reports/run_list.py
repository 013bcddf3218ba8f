"""The list of this visitor's runs: find one, open it, choose some to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from core.evaluation import describe
from core.runs import Summary
from core.settings import Settings
from ui import model_picker, run_line, state, text
from ui.reports import owner
from ui.run_line import DAMAGED, SAYS

ANY = "any"
ORDERS: dict[str, Callable[[Summary], Any]] = {
    "Newest first": lambda line: -line.at,
    "Oldest first": lambda line: line.at,
    "Most accurate first": lambda line: -(line.accuracy if line.accuracy is not None else -1),
    "By name": lambda line: line.name.casefold(),
    "Most pictures first": lambda line: -line.pictures,
    "Largest first": lambda line: -line.megabytes,
}
SHOWN = 20
"""Runs on a page of the list."""
CHOSEN = "choose {}"
"""Key of the tick of a run that is to be compared."""


def show(settings: Settings) -> None:
    """The runs that the filters leave, the newest first, or where to begin."""
    lines = model_picker.visible_runs(settings)
    owner.offer_undo(settings)
    if all(line.sample for line in lines):
        _begin(settings)
        for line in lines:
            _row(line, settings, comparable=False)
        return
    found = _filtered(lines)
    comparable = sum(line.complete for line in lines) > 1
    _head(found, lines, comparable=comparable)
    if not found:
        st.info("No run is like that.", icon=":material/search_off:")
        st.button("Show all runs", icon=":material/filter_alt_off:", on_click=_clear)
    pages = -(-len(found) // SHOWN)
    page = st.pagination(pages, key=state.LIST_PAGE, bind="query-params") if pages > 1 else 1
    for line in found[(page - 1) * SHOWN : page * SHOWN]:
        _row(line, settings, comparable=comparable and line.complete)
    if settings.mode == "public":
        _who_sees(settings)


def _open(run_id: str) -> None:
    state.show_run(run_id)


def close() -> None:
    """Go back to the list."""
    state.leave_run()


def unknown(refusal: str) -> None:
    """What somebody sees whose link leads to no run."""
    st.button("All runs", on_click=close, icon=":material/arrow_back:")
    st.title("This run is not here")
    st.warning(text.plain(refusal, 400), icon=":material/link_off:")
    st.markdown(
        "Its link may have been cut short on the way: it ends in 32 letters and digits. Or whoever "
        "taught it has deleted it; then ask them for another."
    )


def _begin(settings: Settings) -> None:
    """What somebody sees who has taught nothing yet."""
    st.info("Nothing has been taught yet.", icon=":material/school:")
    if st.button("Teach it your own classes", type="primary", icon=":material/school:"):
        st.switch_page("pages/train.py")
    if settings.mode == "public":
        _who_sees(settings)
    st.markdown("Until then, here is a finished report to read:")


def _who_sees(settings: Settings) -> None:
    """Whose runs these are, how long they are kept, and whether a reload keeps them in sight."""
    known = (
        "You see your own runs, which this browser finds again by a cookie"
        if state.lasting()
        else "You see your own runs of this visit: keep their links, since a reload forgets who "
        "you are"
    )
    st.caption(
        f"{known}. Besides, those whose link you opened and those that others published. Runs are "
        f"deleted {settings.run_days:g} days after they ended, unless they are published."
    )


def _filtered(lines: list[Summary]) -> list[Summary]:
    """The runs that are asked for, in the order asked for; the sample comes last."""
    tags = sorted({tag for line in lines for tag in line.tags}, key=str.casefold)
    with st.container(horizontal=True):
        words = st.text_input(
            "Find",
            key=state.FIND,
            type="search",
            placeholder="Name, class or tag",
            live=True,
            bind="query-params",
        )
        wanted = st.selectbox(
            "State",
            [ANY, *SAYS.values(), DAMAGED],
            key=state.STATE,
            width=150,
            bind="query-params",
        )
        needed = (
            st.multiselect(
                "Tags", tags, key=state.TAG, placeholder=ANY, width=150, bind="query-params"
            )
            if tags
            else []
        )
        by = st.selectbox("Order", list(ORDERS), key=state.SORT, width=190, bind="query-params")
    found = [
        line
        for line in lines
        if wanted in (ANY, run_line.says(line))
        and set(needed) <= {*line.tags}
        and _like(line, words or "")
    ]
    return sorted(found, key=lambda line: (line.sample, ORDERS[by](line)))


def _like(line: Summary, words: str) -> bool:
    """Whether every word occurs in its name, data, classes or tags, or begins its id."""
    texts = [text.casefold() for text in (line.name, line.data, *line.classes, *line.tags)]
    return all(
        any(word in text for text in texts) or line.id.startswith(word)
        for word in words.casefold().split()
    )


def _clear() -> None:
    for key, nothing in ((state.FIND, ""), (state.STATE, ANY), (state.TAG, [])):
        st.session_state[key] = nothing


def _head(found: list[Summary], lines: list[Summary], *, comparable: bool) -> None:
    """How many there are, and a way to compare those that are ticked."""
    own = text.count(len(lines), "run")
    count = own if len(found) == len(lines) else f"{len(found)} of {own}"
    st.caption(f"{count} · Tick two or more to compare them." if comparable else count)
    ticked = [line.id for line in lines if st.session_state.get(CHOSEN.format(line.id))]
    if not (comparable and ticked):
        return
    # In sight of whatever was ticked, however long the list.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        enough = len(ticked) > 1
        st.button(
            f"Compare {len(ticked)} runs" if enough else "Compare",
            icon=":material/compare_arrows:",
            type="primary",
            disabled=not enough,
            on_click=_compare,
            args=(ticked,),
        )
        st.button("Clear", on_click=_untick, args=(ticked,))
        st.caption(
            f"{text.count(len(ticked), 'run')} ticked"
            if enough
            else "One run ticked; tick another to compare them.",
            width="content",
        )


def _compare(run_ids: Iterable[str]) -> None:
    st.query_params[state.COMPARE] = ",".join(run_ids)


def _untick(run_ids: Iterable[str]) -> None:
    for run_id in run_ids:
        st.session_state[CHOSEN.format(run_id)] = False


def _row(line: Summary, settings: Settings, *, comparable: bool) -> None:
    name = text.plain(line.name, 60)
    with st.container(border=True):
        left, right = st.columns([5, 2], vertical_alignment="center")
        with left.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                if comparable:
                    st.checkbox(
                        f"Compare {name}",
                        key=CHOSEN.format(line.id),
                        label_visibility="collapsed",
                        persist_state="page",
                    )
                # A link to the page that is shown already would lose the run from the address.
                st.button(
                    f"**{name}**",
                    key=f"open {line.id}",
                    type="tertiary",
                    icon=":material/chevron_right:",
                    icon_position="right",
                    on_click=_open,
                    args=(line.id,),
                )
                run_line.marks(line)
            st.caption(run_line.details(line))
        with right.container(
            horizontal=True, horizontal_alignment="right", vertical_alignment="center"
        ):
            if (estimate := line.estimate) is not None:
                st.markdown(f"**{describe(estimate)}** right", width="content")
            owner.controls(line, settings)
