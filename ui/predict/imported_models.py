"""Use a model from a bundle: import it, set it up, delete it."""

import streamlit as st

from core.bundles import ImportedModel, imported
from core.settings import Settings
from core.system import files
from ui import state, widgets
from ui.internals import Uploaded


def offer(chosen: str, settings: Settings) -> None:
    """An uploader for bundles, and settings of the chosen model if it was imported."""
    model = imported.find(settings, chosen)
    if model is not None and state.may_change(chosen, settings):
        _set_up(model)
    box = st.expander(
        "Use a model from a bundle",
        icon=":material/unarchive:",
        on_change="rerun",
        # Another key for each imported model, so that the box closes after an import.
        key=f"{state.IMPORTING} {state.parameter(state.MODEL)}",
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
        widgets.uploader(
            "Drop a bundle here",
            "bundle",
            lambda files: _import(files[0], settings),
            about=("import",),
            type="zip",
            max_upload_size=settings.archive_megabytes,
        )
        widgets.show_refusal("import")


def _import(bundle: Uploaded, settings: Settings) -> None:
    name = bundle.name.removesuffix(".zip")
    with bundle.open() as stream:
        model = imported.import_bundle(stream, name, settings, by=state.visitor_id(settings))
    state.remember_opened(model.id)
    st.query_params.pop(state.RUN, None)
    st.query_params[state.MODEL] = model.id


def _set_up(model: ImportedModel) -> None:
    def save(per_cent: int) -> None:
        update = {"threshold": per_cent / 100}
        model.annotate(lambda annotations: annotations.model_copy(update=update))

    about = ("threshold", model.id)
    shown = round(100 * model.annotations().threshold)
    st.slider(
        "Not sure below (%)",
        0,
        100,
        help="If the best answer has a lower probability, the answer is “Not sure”.",
        **widgets.stored(" ".join(about), shown, save, *about),
    )
    widgets.show_refusal(*about)
    hint = "Your bundle is not deleted."
    widgets.button("Delete this model", _delete, model, icon="delete", help=hint)


def _delete(model: ImportedModel) -> None:
    files.remove(model.path)  # a worker that builds it stops
    st.query_params.pop(state.MODEL, None)
