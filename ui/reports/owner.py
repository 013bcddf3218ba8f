"""The actions of a run's owner: name it, tag it, publish it, delete it, and undo the deletion."""

from functools import partial

import streamlit as st

from core import runs
from core.jobs import cancel
from core.runs import Summary
from core.runs.annotations import NAME_LENGTH, TAGS
from core.runs.run import Run
from core.runs.store import TRASH_MINUTES
from core.settings import MEGABYTE, Settings
from core.system import log
from ui import run_line, state, text, widgets

MENU, NAME, TAG = "manage {}", "owner name {}", "owner tags {}"
"""Keys of the menu of a run and of its fields."""


def heading(summary: Summary, settings: Settings) -> None:
    """The name of a run, the menu of its owner, its status and details."""
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        st.title(text.plain(summary.name))
        controls(summary, settings, "Manage")
    with st.container(horizontal=True, vertical_alignment="center"):
        run_line.badges(summary)
        st.caption(run_line.details(summary), width="content")


def controls(summary: Summary, settings: Settings, label: str) -> None:
    """A menu to rename, tag, publish and delete a run, for its owner."""
    if not state.may_change(summary.id, settings):
        return
    menu = st.popover(
        label,
        icon=":material/more_vert:",
        type="tertiary",
        help=f"Name, tags, deletion of {text.plain(summary.name, 40)}",
        key=MENU.format(summary.id),
        on_change="rerun",  # what is in the menus of a long list is only made when one is opened
    )
    if menu.open:
        with menu:
            run = runs.get(settings, summary.id)
            _naming(run, summary, settings)
            if settings.mode == "public" and summary.complete:
                _publishing(run)
            _deleting(run, summary, settings)
            widgets.show_refusal("owner", run.id)


def offer_undo(settings: Settings) -> None:
    """A button to restore the run that this visit deleted last."""
    deleted: list[tuple[str, str]] = st.session_state.get(state.DELETED, [])
    if deleted:  # before it is dropped: what was removed for good is said once
        widgets.show_refusal("undo", deleted[-1][0])
    while deleted and not runs.restorable(deleted[-1][0], settings):
        deleted.pop()
    if not deleted:
        return
    run_id, name = deleted[-1]
    # Always in sight, wherever the list was scrolled to.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/delete: **{text.plain(name, 60)}** was deleted.", width="content")
        about = ("undo", run_id)
        widgets.button("Undo", runs.restore, run_id, settings, icon="undo", about=about)


def _naming(run: Run, summary: Summary, settings: Settings) -> None:
    annotations, owned = run.annotations(), state.owning(settings)
    in_use = {
        tag
        for other_run in runs.list_runs(settings)
        if owned(other_run.path)
        for tag in other_run.annotations().tags
    }
    with st.form(f"name and tags {run.id}", border=False):
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
            sorted(in_use),
            annotations.tags,
            key=TAG.format(run.id),
            max_selections=TAGS,
            accept_new_options=True,
            placeholder="Type a new one, or choose",
            help="To find it by in the list.",
        )
        save = widgets.keep_refusal("owner", run.id)(_save)
        st.form_submit_button("Save", type="primary", on_click=save, args=(run,))


def _save(run: Run) -> None:
    name = str(st.session_state[NAME.format(run.id)])
    tags = tuple(map(str, st.session_state[TAG.format(run.id)]))
    run.annotate(lambda annotations: annotations.named(name).tagged(tags))
    st.session_state[MENU.format(run.id)] = False


def _publishing(run: Run) -> None:
    """Both directions, each with what it means for others."""
    published = run.published
    widgets.button(
        "Unpublish" if published else "Publish",
        partial(_publish, run, shown=not published),
        icon="public_off" if published else "public",
        about=("owner", run.id),
    )
    st.caption(
        "Other visitors will no longer find it in their lists. Those who kept its link can still "
        "open it; to prevent that too, delete it."
        if published
        else "All visitors of this host will find it in their lists. They can read its report "
        "with the small copies of its test pictures, use its model, and download it. Only you can "
        "change, delete or unpublish it. It is not deleted for its age."
    )


def _publish(run: Run, *, shown: bool) -> None:
    run.publish(shown=shown)
    log.event("run published" if shown else "run taken back", run=log.short_id(run.id))
    st.session_state[MENU.format(run.id)] = False


def _deleting(run: Run, summary: Summary, settings: Settings) -> None:
    if not (summary.damaged or summary.state.ended):
        widgets.button("Cancel it", cancel, run.job, settings, icon="stop_circle")
        st.caption("It has not finished. Cancel it before you delete it.")
        return
    about = ("owner", run.id)  # it may be training again
    widgets.button("Delete", _delete, run, summary.name, settings, icon="delete", about=about)
    lost = "its model and its report" if summary.complete else "its settings and its progress"
    size = text.size(round(summary.megabytes * MEGABYTE))
    st.caption(
        f"Deletes {lost}: {size}. Links to it will no longer work. The pictures that you uploaded "
        f"are not part of it. You can undo this for {TRASH_MINUTES} minutes, as long as you stay "
        "on these pages."
    )


def _delete(run: Run, name: str, settings: Settings) -> None:
    runs.discard(run, settings)
    st.session_state.setdefault(state.DELETED, []).append((run.id, name))
    if state.parameter(state.RUN) == run.id:
        state.show_run()
