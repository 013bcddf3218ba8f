"""Step 1 of training: rename, merge and leave out classes, move pictures, and add more."""

import shutil
import tempfile
from functools import partial
from pathlib import Path

import streamlit as st
from filelock import Timeout

from core import intake
from core.checks import Remedy
from core.dataset import class_names, tables
from core.intake import Intake, choices, uploads
from core.intake.choices import Choices
from core.intake.uploads import Upload
from core.settings import MEGABYTE, Settings
from ui import gallery, job_progress, widgets
from ui.internals import Uploaded
from ui.pile import page as pile

OWN = "Named by the folders of a zip"
"""The class of pictures that bring their own."""


def complete(upload: Upload, settings: Settings) -> bool:
    """Add further pictures once they are examined. Returns whether none are being examined."""

    def add(current: Choices) -> Choices:
        if not current.arriving:  # another tab has added them
            return current
        remedies: list[Remedy] = []
        with widgets.keep_refusal("change", upload.id):
            addition = uploads.get(settings, current.arriving)
            if not job_progress.finished(addition.job, settings):
                return current
            with st.spinner("Adding pictures …"):
                label = current.arriving_class
                remedies = [intake.add(upload.path, addition.path, label, settings)]
        arrived = current.model_copy(update={"arriving": "", "arriving_class": ""})
        return arrived.changing(*remedies)

    if not choices.read(upload.path).arriving:
        return True
    try:
        return not choices.change(upload.path, add).arriving
    except Timeout:  # another tab adds them
        job_progress.poll(
            lambda: not choices.read(upload.path).arriving, lambda: st.caption("Adding pictures …")
        )
        return False


def change(upload: Upload, examined: Intake, settings: Settings) -> None:
    """An expander with all changes of classes and pictures, which can be undone.

    Nothing on disk changes.
    """
    alone = len(examined.dataset.classes) < 2
    widgets.show_refusal("change", upload.id)
    box = st.expander(
        "Change classes and pictures",
        icon=":material/edit:",
        expanded=alone,
        key=f"change classes {alone}",
        on_change="rerun",  # its pictures and its table take a browser longer than the page
    )
    if box.open:
        with box:
            _change(upload, examined, settings)
    if alone:
        pile.offer_instead(upload, settings)


def _change(upload: Upload, examined: Intake, settings: Settings) -> None:
    dataset, names = examined.dataset, examined.dataset.classes
    key = f"classes {upload.id} {hash((names, len(dataset.examples)))}"
    st.data_editor(
        {
            "Class": list(names),
            "Pictures": dataset.counts(),
            "Include": [True] * len(names),
        },
        column_config={"Class": st.column_config.TextColumn(max_chars=class_names.LONGEST)},
        disabled=["Pictures"],
        hide_index=True,
        key=key,
        on_change=widgets.keep_refusal("change", upload.id)(_edit),
        args=(upload, names, key, {}),
    )
    st.caption("Double-click a name to change it. Two classes with the same name are merged.")
    add, move, table = st.tabs(["Add pictures", "Move pictures", "Groups from a table"])
    with add:
        _add(upload, names, settings)
    with move:
        _move(upload, examined)
    with table:
        st.caption(
            "A CSV file with a column of file names and one of patients, sites or cameras, "
            "which are then kept together in training or test."
        )
        widgets.uploader(
            "Table of groups",
            "groups",
            partial(_take_table, upload),
            about=("change", upload.id),
            type=["csv", "tsv"],
            max_upload_size=tables.LARGEST // MEGABYTE,
        )


def _edit(
    upload: Upload, names: tuple[str, ...], key: str, done: dict[int, dict[str, object]]
) -> None:
    """Apply an edit of the table.

    Args:
        done: edits since the table was drawn, which Streamlit reports again with each further one.
    """
    edited = st.session_state[key]["edited_rows"]
    new = {row: cells for row, cells in edited.items() if done.get(row) != cells}
    choices.change(upload.path, lambda current: current.changing(*choices.edited(names, new)))
    done |= new


def _add(upload: Upload, names: tuple[str, ...], settings: Settings) -> None:
    label = st.selectbox(
        "To the class",
        [*names, OWN],
        index=None,
        placeholder="Choose or type a class",
        accept_new_options=True,
        key=f"add to {hash(names)}",
    )
    if label is not None:
        widgets.uploader(
            "Pictures, or an archive of them",
            "added pictures",
            lambda files: _take(upload, names, "" if label == OWN else label, files, settings),
            about=("change", upload.id),
            accept_multiple_files=True,
            max_upload_size=settings.archive_megabytes,
        )


def _take(
    upload: Upload,
    names: tuple[str, ...],
    label: str,
    files: list[Uploaded],
    settings: Settings,
) -> None:
    uploads.get(settings, upload.id)
    label = label and choices.checked_name(label, names)
    choices.read(upload.path).expecting("", label)  # may refuse, before anything is stored
    scale = intake.load(upload.path).dataset.scale
    addition = pile.store(files, settings, one_class=bool(label), scale=scale)
    choices.change(upload.path, lambda current: current.expecting(addition.id, label))


def _take_table(upload: Upload, files: list[Uploaded]) -> None:
    (table,) = files
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        path = Path(scratch) / "table.csv"
        with table.open() as stream, path.open("wb") as out:
            shutil.copyfileobj(stream, out)

        def group(current: Choices) -> Choices:
            by = intake.add_table(upload.path, path, table.name)
            return current.model_copy(update={"group": by})

        choices.change(upload.path, group)


def _move(upload: Upload, examined: Intake) -> None:
    dataset = examined.dataset
    chosen = st.selectbox(
        "Pictures of the class", dataset.classes, key=f"move from {hash(dataset.classes)}"
    )
    if chosen is None:
        return
    label = dataset.classes.index(chosen)
    examples = {example.name: example for example in dataset.examples if example.label == label}
    gallery.choose(
        list(examples),
        upload.id,
        lambda name: (intake.thumbnail(upload.path, examples[name]), name),
        [*(name for name in dataset.classes if name != chosen), ""],
        partial(_moved, upload, dataset.classes),
        ("change", upload.id),
    )


def _moved(upload: Upload, classes: tuple[str, ...], names: list[str], label: str) -> None:
    remedy = choices.moved(names, label, classes)
    choices.change(upload.path, lambda current: current.changing(remedy))
