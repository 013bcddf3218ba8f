"""What the owner of a run may do with it: name, tag, publish, delete it, and think better of it."""

from __future__ import annotations

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.jobs import cancel
from core.runs import Summary
from core.runs.annotations import NAME_LENGTH, TAGS
from core.runs.run import Run
from core.settings import MEGABYTE, Settings
from core.system import log
from ui import run_line, state, text

NAME, TAG = "owner name {}", "owner tags {}"
NOT_SAVED = "That could not be saved; nothing has changed. Try again in a moment."


def heading(run: Run, settings: Settings) -> None:
    """The name of a run with what its owner may do, how it stands, and what it is about."""
    line = runs.summarise(run, settings)
    title, may = st.columns([6, 1], vertical_alignment="center")
    title.title(text.plain(line.name))
    with may.container(horizontal=True, horizontal_alignment="right"):
        controls(line, settings)
    with st.container(horizontal=True, vertical_alignment="center"):
        run_line.marks(line)
        st.caption(run_line.details(line), width="content")


def controls(line: Summary, settings: Settings) -> None:
    """Buttons to rename, tag, publish and delete a run; none for whoever may not."""
    if not state.may_change(line.id, settings):
        return
    named = text.plain(line.name, 40)
    offered = [("edit", ":material/edit:", f"Name and tags of {named}")]
    if line.published:
        offered.append(("publish", ":material/public_off:", f"No longer publish {named}"))
    elif line.complete and settings.mode == "public":
        offered.append(("publish", ":material/public:", f"Publish {named}"))
    offered.append(("delete", ":material/delete:", f"Delete {named}"))
    for what, icon, says in offered:
        st.button(
            icon,
            key=f"{what} {line.id}",
            type="tertiary",
            help=says,
            on_click=_ask,
            args=(what, line.id),
        )


def answer(settings: Settings) -> None:
    """The dialog that was asked for, if one was. Call it last: it covers the page."""
    if state.ASKED not in st.session_state:
        return
    what, run_id = st.session_state[state.ASKED]
    try:
        run = runs.get(settings, run_id)
    except TuskerError:  # deleted by another tab
        _drop()
        return
    if state.may_change(run_id, settings):
        dialogs = {"edit": _edit, "publish": _withdraw if run.published else _publish}
        dialogs.get(what, _delete)(run, settings)


def offer_undo(settings: Settings) -> None:
    """What this visit deleted last, and a way to have it back."""
    deleted: list[tuple[str, str]] = st.session_state.get(state.DELETED, [])
    while deleted and not runs.restorable(deleted[-1][0], settings):
        deleted.pop()
    if not deleted:
        return
    run_id, name = deleted[-1]
    # In sight wherever the list was scrolled to.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: **{text.plain(name, 60)}** was deleted.", width="content")
        st.button("Undo", icon=":material/undo:", on_click=_undo, args=(run_id, settings))


def _ask(what: str, run_id: str) -> None:
    st.session_state[state.ASKED] = (what, run_id)
    st.session_state.pop(state.TROUBLE, None)


def _drop() -> None:
    st.session_state.pop(state.ASKED, None)


def _close_when_answered() -> None:
    """First in a dialog: a press in it draws it anew, and nothing else."""
    if state.ASKED not in st.session_state:
        st.rerun()


@st.dialog("Name and tags", icon=":material/edit:", on_dismiss=_drop)
def _edit(run: Run, settings: Settings) -> None:
    _close_when_answered()
    said, line = run.annotations(), runs.summarise(run, settings)
    with st.form("name and tags", border=False):
        st.text_input(
            "Name",
            said.name,
            key=NAME.format(run.id),
            max_chars=NAME_LENGTH,
            placeholder=text.short(line.data, NAME_LENGTH) if line.data else "",
            help="Leave it empty to call the run after its pictures.",
        )
        st.multiselect(
            "Tags",
            sorted({*_known_tags(settings), *said.tags}),
            said.tags,
            key=TAG.format(run.id),
            max_selections=TAGS,
            accept_new_options=True,
            placeholder="Type a new one, or choose",
            help="To find it by in the list.",
        )
        if state.TROUBLE in st.session_state:
            st.error(st.session_state[state.TROUBLE], icon=":material/error:")
        st.form_submit_button("Save", type="primary", on_click=_save, args=(run,))


def _known_tags(settings: Settings) -> set[str]:
    """Those of the runs that this visitor may change."""
    own = state.owning(settings)
    every = (run for run in runs.list_runs(settings) if own(run.path))
    return {tag for run in every for tag in run.annotations().tags}


def _save(run: Run) -> None:
    name = str(st.session_state[NAME.format(run.id)])
    tags = tuple(map(str, st.session_state[TAG.format(run.id)]))
    try:
        run.annotate(lambda said: said.named(name).tagged(tags))
    except OSError:  # a full disk, or another tab that holds on to it
        st.session_state[state.TROUBLE] = NOT_SAVED
    else:
        _drop()


@st.dialog("Publish this run?", icon=":material/public:", on_dismiss=_drop)
def _publish(run: Run, settings: Settings) -> None:
    _close_when_answered()
    named = text.plain(runs.summarise(run, settings).name, 60)
    st.markdown(
        f"Everybody on this host will find **{named}** in their lists. They can read its report "
        "with the small copies of its test pictures, ask its model, and download it."
    )
    st.caption(
        "Only you can change or delete it, and you can take it back. Whoever opened or downloaded "
        "it by then keeps their link and their copy. It is not deleted for its age."
    )
    _choose("Keep it to myself", "Publish it", ":material/public:", run, shown=True)


@st.dialog("Take this run back?", icon=":material/public_off:", on_dismiss=_drop)
def _withdraw(run: Run, settings: Settings) -> None:
    _close_when_answered()
    named = text.plain(runs.summarise(run, settings).name, 60)
    st.markdown(
        f"Others will no longer find **{named}** in their lists. Whoever kept its link can still "
        "open it; to end that as well, delete it."
    )
    _choose("Leave it published", "Take it back", ":material/public_off:", run, shown=False)


def _choose(no: str, yes: str, icon: str, run: Run, *, shown: bool) -> None:
    with st.container(horizontal=True):
        st.button(no, on_click=_drop)
        st.button(
            yes, type="primary", icon=icon, on_click=_show, args=(run,), kwargs={"shown": shown}
        )


def _show(run: Run, *, shown: bool) -> None:
    try:
        run.publish(shown=shown)
    except OSError:  # a full disk
        st.toast(NOT_SAVED, icon=":material/error:")
        return
    log.event("run published" if shown else "run taken back", run=log.short_id(run.id))
    _drop()


@st.dialog("Delete this run?", icon=":material/delete:", on_dismiss=_drop)
def _delete(run: Run, settings: Settings) -> None:
    _close_when_answered()
    line = runs.summarise(run, settings)
    named = f"**{text.plain(line.name, 60)}**"
    if not (line.damaged or line.state.ended):
        st.markdown(f"{named} is still at work. Cancel it first, then delete it.")
        st.button("Cancel it", icon=":material/stop_circle:", on_click=_stop, args=(run, settings))
        return
    lost = "its model and its report" if line.complete else "its settings and what it has recorded"
    size = text.size(round(line.megabytes * MEGABYTE))
    st.markdown(f"{named} goes, with {lost}: {size}. Links to it will lead nowhere.")
    st.caption(
        "The pictures that you uploaded are not part of it. You can undo this for "
        f"{runs.TRASH_MINUTES} minutes, as long as you stay on these pages."
    )
    with st.container(horizontal=True):
        st.button("Keep it", on_click=_drop)
        st.button(
            "Delete it",
            type="primary",
            icon=":material/delete:",
            on_click=_remove,
            args=(run, line.name, settings),
        )


def _stop(run: Run, settings: Settings) -> None:
    cancel(run.job, settings)
    _drop()


def _remove(run: Run, name: str, settings: Settings) -> None:
    try:
        runs.discard(run, settings)
    except TuskerError:  # at work again; the dialog says so
        return
    st.session_state.setdefault(state.DELETED, []).append((run.id, name))
    if state.parameter(state.RUN) == run.id:
        state.leave_run()
    _drop()


def _undo(run_id: str, settings: Settings) -> None:
    try:
        runs.restore(run_id, settings)
    except TuskerError as refusal:
        st.toast(text.plain(str(refusal), 200), icon=":material/error:")
