"""The list of this visitor's runs: find one, open it, choose some to compare."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.evaluation import describe
from core.runs import Summary
from core.settings import Settings
from ui import models, run_line, state, text, widgets
from ui.reports import owner

ANY = "Any"
ORDERS: dict[str, Callable[[Summary], Any]] = {
    "Newest first": lambda run: -run.at,
    "Oldest first": lambda run: run.at,
    "Most accurate first": lambda run: -(run.accuracy.value if run.accuracy else -1),
    "By name": lambda run: run.name.casefold(),
    "Most pictures first": lambda run: -run.pictures,
    "Largest first": lambda run: -run.megabytes,
}
SHOWN = 20
"""Runs on a page of the list."""
FIELD = 68
"""Pixels of the height of a field with its label, which browsers load late."""
CHOSEN = "choose {}"
"""Key of the checkbox of a run that is to be compared."""


def show(settings: Settings) -> None:
    """The runs that pass the filters, or where to begin."""
    runs = models.visible_runs(settings)
    owner.offer_undo(settings)
    if all(run.sample for run in runs):
        _explain_empty()
        for run in runs:
            _row(run, settings, comparable=False)
        _explain_visibility(settings)
        return
    matching = _filtered(runs)
    comparable = sum(run.complete for run in runs) > 1
    _head(matching, runs, comparable=comparable)
    if not matching:
        st.info("No run matches.", icon=":material/search_off:")
        unfiltered = {state.FIND: "", state.STATE: ANY, state.TAG: []}
        update = st.session_state.update
        widgets.button("Show all runs", update, unfiltered, icon="filter_alt_off")
    pages = -(-len(matching) // SHOWN)
    page = st.pagination(pages, key=state.LIST_PAGE, bind="query-params") if pages > 1 else 1
    for run in matching[(page - 1) * SHOWN : page * SHOWN]:
        _row(run, settings, comparable=comparable and run.complete)
    _explain_visibility(settings)


def explain_unknown(refusal: str) -> None:
    """The page of a link that leads to no run."""
    widgets.button("All runs", state.show_run, icon="arrow_back")
    st.title("This run is not here")
    st.warning(text.plain(refusal, 400), icon=":material/link_off:")
    st.markdown(
        "The link may be incomplete: it ends in 32 letters and digits. Or the owner has deleted "
        "the run; ask them for another link."
    )


def _explain_empty() -> None:
    st.info("You have not trained a model yet.", icon=":material/school:")
    widgets.lead_to("train", "Train your own classes", "school", {}, type="primary")
    st.markdown("Until then, here is a finished report to read:")


def _explain_visibility(settings: Settings) -> None:
    if settings.mode != "public":
        return
    sentence = (
        "You see your own runs, which this browser finds again by a cookie"
        if state.lasting()
        else "You see your own runs of this visit: keep their links, since a reload starts a new "
        "visit"
    )
    st.caption(
        f"{sentence}. You also see runs whose link you opened and runs that others published. Runs "
        f"are deleted {settings.run_days:g} days after they ended, unless they are published."
    )


def _filtered(runs: list[Summary]) -> list[Summary]:
    """The runs that pass the filters, in the chosen order; the sample comes last."""
    tags = sorted({tag for run in runs for tag in run.tags}, key=str.casefold)
    chosen_tags: list[str] = []
    with widgets.reserved(FIELD), st.container(horizontal=True):
        words = st.text_input(
            "Find",
            key=state.FIND,
            type="search",
            placeholder="Name, class or tag",
            live=True,
            bind="query-params",
        )
        status = st.selectbox(
            "Status",
            [ANY, *run_line.STATUS.values(), run_line.DAMAGED],
            key=state.STATE,
            width=150,
            bind="query-params",
        )
        if tags:
            chosen_tags = st.multiselect(
                "Tags", tags, key=state.TAG, placeholder=ANY, width=150, bind="query-params"
            )
        order = st.selectbox("Order", list(ORDERS), key=state.SORT, width=190, bind="query-params")
    matching = [
        run
        for run in runs
        if status in (ANY, run_line.status(run))
        and set(chosen_tags) <= {*run.tags}
        and _matches(run, words or "")
    ]
    return sorted(matching, key=lambda run: (run.sample, ORDERS[order](run)))


def _matches(run: Summary, words: str) -> bool:
    """Whether every word occurs in its name, data, classes or tags, or begins its id."""
    texts = [text.casefold() for text in (run.name, run.data, *run.classes, *run.tags)]
    return all(
        any(word in text for text in texts) or run.id.startswith(word)
        for word in words.casefold().split()
    )


def _head(matching: list[Summary], runs: list[Summary], *, comparable: bool) -> None:
    total = text.count(len(runs), "run")
    count = total if len(matching) == len(runs) else f"{len(matching)} of {total}"
    interval = "In brackets: the 95 % confidence interval."
    tick = " Tick two or more to compare them." if comparable else ""
    st.caption(f"{count} · {interval}{tick}")
    # The oldest is the reference, so that “now correct” is true.
    ticked = [
        run.id
        for run in sorted(runs, key=ORDERS["Oldest first"])
        if st.session_state.get(CHOSEN.format(run.id))
    ]
    if not (comparable and ticked):
        return
    # Always in sight, however long the list is.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        enough = len(ticked) > 1
        widgets.button(
            f"Compare {len(ticked)} runs" if enough else "Compare",
            st.query_params.update,
            {state.COMPARE: ",".join(ticked)},
            icon="compare_arrows",
            type="primary",
            disabled=not enough,
        )
        unticked = {CHOSEN.format(run_id): False for run_id in ticked}
        widgets.button("Clear", st.session_state.update, unticked)
        st.caption(
            f"{text.count(len(ticked), 'run')} ticked"
            if enough
            else "One run ticked; tick another to compare them.",
            width="content",
        )


def _row(run: Summary, settings: Settings, *, comparable: bool) -> None:
    name = text.plain(run.name, 60)
    with st.container(border=True):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                if comparable:
                    st.checkbox(
                        f"Compare {text.spoken(run.name)}",
                        key=CHOSEN.format(run.id),
                        label_visibility="collapsed",
                        persist_state="session",
                    )
                # A link to the page that is shown already would lose the run from the address.
                widgets.button(
                    f"**{name}**",
                    state.show_run,
                    run.id,
                    icon="chevron_right",
                    icon_position="right",
                    key=f"open {run.id}",
                    type="tertiary",
                )
                run_line.badges(run)
            st.caption(run_line.details(run))
        with right.container(
            horizontal=True, horizontal_alignment="right", vertical_alignment="center"
        ):
            if (estimate := run.accuracy) is not None:
                st.markdown(f"Accuracy **{describe(estimate)}**", width="content")
            owner.controls(run, settings, f"Manage {text.plain(run.name, 20)}")
