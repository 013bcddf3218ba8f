"""Use a model from a bundle: import it, see it prepared, set it up, delete it."""

from __future__ import annotations

import streamlit as st

from core import backbones
from core.bundles import ImportedModel, imported
from core.jobs import State, scheduling
from core.settings import Settings
from ui import state, widgets


def describe(model: ImportedModel) -> str:
    """What is known of an imported model, in a line."""
    saved = model.model()
    trained = ", its upper layers fine-tuned" if saved.fine_tuned else ""
    return f"From a bundle, not evaluated here · {backbones.get(saved.backbone).title}{trained}"


def ready(model: ImportedModel, settings: Settings) -> bool:
    """Whether the model can answer; if not, say how far it is, or why it is not."""
    if model.ready(settings):
        return True
    status = scheduling.status(model.job, settings) if model.job.exists else None
    if status is not None and not status.state.ended:
        st.info("Its network is being built here. This happens once and takes a few seconds.")
        widgets.watch(model.job, settings, "model", may_cancel=False)
        return False
    failed = status is not None and status.state is State.FAILED
    if failed:
        widgets.error(model.job.recorded().sentence)
    else:
        st.info("Its network has not been built here yet.")
    if not state.may_change(model.id, settings):
        return False
    st.button(
        "Try again" if failed else "Build it",
        type="primary",
        icon=":material/build:",
        on_click=_build,
        args=(model, settings),
    )
    widgets.show_refusal(state.IMPORT_REFUSAL)
    return False


def offer(chosen: str, settings: Settings) -> None:
    """An uploader for bundles, and settings of the chosen model if it was imported.

    Args:
        chosen: name of the chosen model.
    """
    if imported.exists(settings, chosen) and state.may_change(chosen, settings):
        _set_up(imported.get(settings, chosen))
    box = st.expander(
        "Use a model from a bundle",
        icon=":material/unarchive:",
        on_change="rerun",
        # Another key for each imported model, so that the box closes after an import.
        key=f"{state.IMPORTING} {state.parameter(state.WANTED)}",
    )
    if not box.open:
        return
    with box:
        deleted = (
            ""
            if settings.mode == "personal"
            else f" It is deleted here {settings.upload_hours:g} hours after you last used it."
        )
        st.caption(
            "The zip that a report offers to download, here or on another machine. Only the "
            f"description and the weights in it are read; nothing in it is run.{deleted}"
        )
        key = f"bundle {st.session_state.setdefault(state.IMPORT_ROUND, 0)}"
        st.file_uploader(
            "Drop a bundle here",
            type="zip",
            max_upload_size=settings.archive_megabytes,
            key=key,
            on_change=_import,
            args=(key, settings),
        )
        widgets.show_refusal(state.IMPORT_REFUSAL)


def _import(key: str, settings: Settings) -> None:
    bundle = st.session_state.get(key)
    if bundle is None:
        return
    with widgets.keep_refusal(state.IMPORT_REFUSAL):
        name = bundle.name.removesuffix(".zip")
        model = imported.import_bundle(bundle, name, settings, by=state.mark(settings))
        state.remember_run(model.id)
        st.query_params.pop(state.RUN, None)
        st.query_params[state.WANTED] = model.id
    widgets.release([bundle])
    st.session_state[state.IMPORT_ROUND] += 1


def _set_up(model: ImportedModel) -> None:
    with st.popover("This model", icon=":material/tune:"):
        st.slider(
            "Not sure below (%)",
            0,
            100,
            round(100 * model.annotations().threshold),
            key=f"threshold {model.id}",
            help="If its best answer has a lower probability, the answer is “Not sure”.",
            on_change=_set_threshold,
            args=(model,),
        )
        st.caption("Deleting it does not delete your bundle.")
        st.button("Delete this model", icon=":material/delete:", on_click=_delete, args=(model,))


def _set_threshold(model: ImportedModel) -> None:
    threshold = st.session_state[f"threshold {model.id}"] / 100
    model.annotate(lambda annotations: annotations.model_copy(update={"threshold": threshold}))


def _delete(model: ImportedModel) -> None:
    imported.delete(model)
    st.query_params.pop(state.WANTED, None)


def _build(model: ImportedModel, settings: Settings) -> None:
    if state.may_change(model.id, settings):
        with widgets.keep_refusal(state.IMPORT_REFUSAL):
            imported.queue_build(model, settings, by=state.mark(settings))
