"""Bring a model back from its bundle: take it in, see it made ready, set it up, delete it."""

from __future__ import annotations

import contextlib

import streamlit as st

from core import backbones
from core.bundles import ImportedModel, imported
from core.errors import TuskerError
from core.jobs import State, scheduling
from core.settings import Settings
from ui import preparation, state, text
from ui.uploads import release


def visible(settings: Settings) -> list[ImportedModel]:
    """This visitor's brought models, the newest first."""
    listed = state.listing(settings)
    held = {one.id: one for one in imported.list_models(settings) if listed(one.path)}
    wanted = state.parameter(state.WANTED)
    if wanted not in held:
        with contextlib.suppress(TuskerError):
            held[wanted] = imported.get(settings, wanted)
            state.remember_run(wanted)
    whole = [one for one in held.values() if not one.damaged]
    return sorted(whole, key=lambda one: -one.at)


def title(one: ImportedModel) -> str:
    """What it is called in the list of models."""
    return f"{text.short(one.title, 40)} · brought here, {text.classes(len(one.model().classes))}"


def describe(one: ImportedModel) -> str:
    """What is known of it, in a line."""
    saved = one.model()
    trained = ", its upper layers trained" if saved.fine_tuned else ""
    return f"From a bundle, so not scored here · {backbones.get(saved.backbone).title}{trained}"


def ready(one: ImportedModel, settings: Settings) -> bool:
    """Whether it can answer; if not, say how far it is, or why it is not."""
    if one.ready(settings):
        return True
    status = scheduling.status(one.job, settings) if one.job.exists else None
    if status is not None and not status.state.ended:
        st.info("Its network is being built here. This happens once and takes a few seconds.")
        preparation.watch(one.job, settings)
        return False
    failed = status is not None and status.state is State.FAILED
    if failed:
        st.error(text.plain(one.job.recorded().sentence, 600), icon=":material/error:")
    else:
        st.info("Its network has yet to be built here.")
    if not state.may_change(one.id, settings):
        return False
    st.button(
        "Try again" if failed else "Build it",
        type="primary",
        icon=":material/build:",
        on_click=_build,
        args=(one, settings),
    )
    _show_refusal()
    return False


def offer(model: str, settings: Settings) -> None:
    """A way to bring a bundle, and what may be done with the chosen model if it was brought.

    Args:
        model: name of the chosen one.
    """
    if imported.exists(settings, model) and state.may_change(model, settings):
        _set_up(imported.get(settings, model))
    box = st.expander(
        "Use a model from a bundle",
        icon=":material/unarchive:",
        on_change="rerun",
        # Another key for each model that was brought: a new one is closed.
        key=f"{state.BRINGING} {state.parameter(state.WANTED)}",
    )
    if not box.open:
        return
    with box:
        kept = (
            ""
            if settings.mode == "personal"
            else (f" It is deleted here {settings.upload_hours:g} hours after you last used it.")
        )
        st.caption(
            "The zip that a report offers to download, here or on another machine. Only the "
            f"description and the weights in it are read; nothing in it is run.{kept}"
        )
        key = f"bundle {st.session_state.setdefault(state.BRING_ROUND, 0)}"
        st.file_uploader(
            "Drop a bundle here",
            type="zip",
            max_upload_size=settings.archive_megabytes,
            key=key,
            on_change=_bring,
            args=(key, settings),
        )
        _show_refusal()


def _bring(key: str, settings: Settings) -> None:
    given = st.session_state.get(key)
    if given is None:
        return
    try:
        made = imported.import_bundle(
            given, given.name.removesuffix(".zip"), settings, by=state.mark(settings)
        )
    except TuskerError as refusal:
        st.session_state[state.BRING_REFUSAL] = str(refusal)
    else:
        st.session_state.pop(state.BRING_REFUSAL, None)
        state.remember_run(made.id)
        st.query_params.pop(state.RUN, None)
        st.query_params[state.WANTED] = made.id
    release([given])
    # A new key empties the uploader, so that its buffer does not stay in memory.
    st.session_state[state.BRING_ROUND] += 1


def _set_up(one: ImportedModel) -> None:
    with st.popover("This model", icon=":material/tune:"):
        st.slider(
            "Not sure below (%)",
            0,
            100,
            round(100 * one.annotations().threshold),
            key=f"threshold {one.id}",
            help="Where its best guess has less, it says that it is not sure.",
            on_change=_threshold,
            args=(one,),
        )
        st.caption("Deleting it leaves your bundle as it is.")
        st.button(
            "Delete this model",
            icon=":material/delete:",
            on_click=_delete,
            args=(one,),
        )


def _threshold(one: ImportedModel) -> None:
    one.annotate(st.session_state[f"threshold {one.id}"] / 100)


def _delete(one: ImportedModel) -> None:
    imported.delete(one)
    st.query_params.pop(state.WANTED, None)


def _build(one: ImportedModel, settings: Settings) -> None:
    if not state.may_change(one.id, settings):
        return
    try:
        imported.order(one, settings, by=state.mark(settings))
        st.session_state.pop(state.BRING_REFUSAL, None)
    except TuskerError as refusal:
        st.session_state[state.BRING_REFUSAL] = str(refusal)


def _show_refusal() -> None:
    if state.BRING_REFUSAL in st.session_state:
        refusal = text.plain(st.session_state[state.BRING_REFUSAL], 600)
        st.error(refusal, icon=":material/error:")
