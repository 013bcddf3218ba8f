"""What the owner of a run may do: name it, tag it, publish it, delete it, and undo that."""

from __future__ import annotations

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.jobs import cancel
from core.runs import Summary
from core.runs.annotations import NAME_LENGTH, TAGS
from core.runs.run import Run
from core.runs.store import TRASH_MINUTES
from core.settings import MEGABYTE, Settings
from core.system import log
from ui import run_line, state, text

NAME, TAG = "owner name {}", "owner tags {}"
NOT_SAVED = "This could not be saved; nothing has changed. Try again in a moment."


def heading(run: Run, settings: Settings) -> None:
    """The name of a run, the controls of its owner, its status and details."""
    summary = runs.summarise(run, settings)
    title, buttons = st.columns([6, 1], vertical_alignment="center")
    title.title(text.plain(summary.name))
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        controls(summary, settings)
    with st.container(horizontal=True, vertical_alignment="center"):
        run_line.badges(summary)
        st.caption(run_line.details(summary), width="content")


def controls(run: Summary, settings: Settings) -> None:
    """Buttons to rename, tag, publish and delete a run, for its owner."""
    if not state.may_change(run.id, settings):
        return
    name = text.plain(run.name, 40)
    buttons = [("edit", ":material/edit:", f"Name and tags of {name}")]
    if run.published:
        buttons.append(("publish", ":material/public_off:", f"Unpublish {name}"))
    elif run.complete and settings.mode == "public":
        buttons.append(("publish", ":material/public:", f"Publish {name}"))
    buttons.append(("delete", ":material/delete:", f"Delete {name}"))
    for action, icon, help_text in buttons:
        st.button(
            icon,
            key=f"{action} {run.id}",
            type="tertiary",
            help=help_text,
            on_click=_open,
            args=(action, run.id),
        )


def show_dialog(settings: Settings) -> None:
    """The open dialog, if there is one. Call this last: the dialog covers the page."""
    if state.DIALOG not in st.session_state:
        return
    action, run_id = st.session_state[state.DIALOG]
    try:
        run = runs.get(settings, run_id)
    except TuskerError:  # deleted in another tab
        _close()
        return
    if state.may_change(run_id, settings):
        dialogs = {"edit": _edit, "publish": _unpublish if run.published else _publish}
        dialogs.get(action, _delete)(run, settings)


def offer_undo(settings: Settings) -> None:
    """A button to restore the run that this visit deleted last."""
    deleted: list[tuple[str, str]] = st.session_state.get(state.DELETED, [])
    while deleted and not runs.restorable(deleted[-1][0], settings):
        deleted.pop()
    if not deleted:
        return
    run_id, name = deleted[-1]
    # Always in sight, wherever the list was scrolled to.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: **{text.plain(name, 60)}** was deleted.", width="content")
        st.button("Undo", icon=":material/undo:", on_click=_undo, args=(run_id, settings))


def _open(action: str, run_id: str) -> None:
    st.session_state[state.DIALOG] = (action, run_id)
    st.session_state.pop(state.NOT_SAVED, None)


def _close() -> None:
    st.session_state.pop(state.DIALOG, None)


def _rerun_once_closed() -> None:
    """First in a dialog: a press in it runs only the dialog again, not the page."""
    if state.DIALOG not in st.session_state:
        st.rerun()


@st.dialog("Name and tags", icon=":material/edit:", on_dismiss=_close)
def _edit(run: Run, settings: Settings) -> None:
    _rerun_once_closed()
    annotations, summary = run.annotations(), runs.summarise(run, settings)
    with st.form("name and tags", border=False):
        st.text_input(
            "Name",
            annotations.name,
            key=NAME.format(run.id),
            max_chars=NAME_LENGTH,
            placeholder=text.short(summary.data, NAME_LENGTH) if summary.data else "",
            help="Leave it empty to call the run after its pictures.",
        )
        st.multiselect(
            "Tags",
            sorted({*_tags_in_use(settings), *annotations.tags}),
            annotations.tags,
            key=TAG.format(run.id),
            max_selections=TAGS,
            accept_new_options=True,
            placeholder="Type a new one, or choose",
            help="To find it by in the list.",
        )
        if state.NOT_SAVED in st.session_state:
            st.error(NOT_SAVED, icon=":material/error:")
        st.form_submit_button("Save", type="primary", on_click=_save, args=(run,))


def _tags_in_use(settings: Settings) -> set[str]:
    """Tags of the runs that this visitor may change."""
    own = state.owning(settings)
    owned = (run for run in runs.list_runs(settings) if own(run.path))
    return {tag for run in owned for tag in run.annotations().tags}


def _save(run: Run) -> None:
    name = str(st.session_state[NAME.format(run.id)])
    tags = tuple(map(str, st.session_state[TAG.format(run.id)]))
    try:
        run.annotate(lambda annotations: annotations.named(name).tagged(tags))
    except OSError:  # a full disk, or a lock held by another tab
        st.session_state[state.NOT_SAVED] = True
    else:
        _close()


@st.dialog("Publish this run?", icon=":material/public:", on_dismiss=_close)
def _publish(run: Run, settings: Settings) -> None:
    _rerun_once_closed()
    name = text.plain(runs.summarise(run, settings).name, 60)
    st.markdown(
        f"All visitors of this host will find **{name}** in their lists. They can read its report "
        "with the small copies of its test pictures, use its model, and download it."
    )
    st.caption(
        "Only you can change, delete or unpublish it. Visitors who opened or downloaded it before "
        "that keep their link and their copy. It is not deleted for its age."
    )
    _buttons("Keep it private", "Publish it", ":material/public:", run, shown=True)


@st.dialog("Unpublish this run?", icon=":material/public_off:", on_dismiss=_close)
def _unpublish(run: Run, settings: Settings) -> None:
    _rerun_once_closed()
    name = text.plain(runs.summarise(run, settings).name, 60)
    st.markdown(
        f"Other visitors will no longer find **{name}** in their lists. Those who kept its link "
        "can still open it; to prevent that too, delete it."
    )
    _buttons("Leave it published", "Unpublish it", ":material/public_off:", run, shown=False)


def _buttons(no: str, yes: str, icon: str, run: Run, *, shown: bool) -> None:
    with st.container(horizontal=True):
        st.button(no, on_click=_close)
        st.button(yes, type="primary", icon=icon, on_click=_set_published, args=(run, shown))


def _set_published(run: Run, shown: bool) -> None:
    try:
        run.publish(shown=shown)
    except OSError:  # a full disk
        st.toast(NOT_SAVED, icon=":material/error:")
        return
    log.event("run published" if shown else "run taken back", run=log.short_id(run.id))
    _close()


@st.dialog("Delete this run?", icon=":material/delete:", on_dismiss=_close)
def _delete(run: Run, settings: Settings) -> None:
    _rerun_once_closed()
    summary = runs.summarise(run, settings)
    name = f"**{text.plain(summary.name, 60)}**"
    if not (summary.damaged or summary.state.ended):
        st.markdown(f"{name} has not finished. Cancel it first, then delete it.")
        st.button(
            "Cancel it", icon=":material/stop_circle:", on_click=_cancel, args=(run, settings)
        )
        return
    lost = "its model and its report" if summary.complete else "its settings and its progress"
    size = text.size(round(summary.megabytes * MEGABYTE))
    st.markdown(f"{name} is deleted with {lost}: {size}. Links to it will no longer work.")
    st.caption(
        "The pictures that you uploaded are not part of it. You can undo this for "
        f"{TRASH_MINUTES} minutes, as long as you stay on these pages."
    )
    with st.container(horizontal=True):
        st.button("Keep it", on_click=_close)
        st.button(
            "Delete it",
            type="primary",
            icon=":material/delete:",
            on_click=_remove,
            args=(run, summary.name, settings),
        )


def _cancel(run: Run, settings: Settings) -> None:
    cancel(run.job, settings)
    _close()


def _remove(run: Run, name: str, settings: Settings) -> None:
    try:
        runs.discard(run, settings)
    except TuskerError:  # training again; the dialog says so
        return
    st.session_state.setdefault(state.DELETED, []).append((run.id, name))
    if state.parameter(state.RUN) == run.id:
        state.leave_run()
    _close()


def _undo(run_id: str, settings: Settings) -> None:
    try:
        runs.restore(run_id, settings)
    except TuskerError as refusal:
        st.toast(text.plain(str(refusal), 200), icon=":material/error:")
