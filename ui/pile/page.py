"""Upload pictures without classes, and label them until they are a dataset."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import streamlit as st

from core import labelling
from core.archive import sources, unpacking
from core.errors import TuskerError
from core.intake import uploads
from core.intake.uploads import Upload
from core.labelling import Pile
from core.settings import Settings
from core.system import files
from ui import job_progress, state, text, widgets
from ui.internals import Uploaded
from ui.pile import work

CONTINUED = 5
"""Earlier piles that are offered."""


def offer(settings: Settings) -> None:
    """Upload pictures without classes, or continue with those of an earlier visit."""
    st.caption(
        "Pictures that are not sorted into folders yet. Tusker groups those that look alike; you "
        "name the groups, and answer questions about the pictures that the model is unsure of."
    )
    widgets.show_refusal("upload")
    widgets.uploader(
        "Drop pictures, or one archive of them",
        "pile",
        lambda files: _go_to(store(files, settings, unsorted=True).id),
        about=("upload",),
        accept_multiple_files=True,
        max_upload_size=settings.archive_megabytes,
    )
    offered = 0
    for folder in labelling.list_piles(settings, state.owning(settings)):
        if offered == CONTINUED:
            break
        try:
            pile = _open(folder)
        except TuskerError:  # of an earlier version, or damaged: it is deleted with its age
            continue
        offered += 1
        amount = text.count(len(pile.pictures), "picture")
        label = f"Continue with {text.plain(pile.name, 60)} · {amount}"
        widgets.button(label, _go_to, folder.name, icon="history", key=f"continue {folder.name}")
    st.caption(
        f"Pictures and labels are deleted here {settings.upload_hours:g} hours after you last used "
        "them. Train on them or download them before then."
    )


def offer_instead(refused: Upload, settings: Settings) -> None:
    """A button to label the pictures of an upload that was refused because it has no classes."""
    archive = refused.path / uploads.ZIP
    if not archive.is_file():
        return
    name = str(refused.job.spec().arguments["name"])

    def move(path: Path) -> None:
        archive.replace(path)

    def take() -> None:
        upload = uploads.store(move, name, settings, by=state.visitor_id(settings), unsorted=True)
        files.remove(refused.path)
        _go_to(upload.id)

    label, about = "Group and label these pictures here", ("pile", refused.id)
    widgets.button(label, take, icon="category", type="primary", about=about)
    widgets.show_refusal(*about)


def show(settings: Settings) -> bool:
    """Show the pile that the address names, in any state. Returns whether it names one."""
    pile_id = state.parameter(state.PILE)
    if not pile_id:
        return False
    try:
        upload = uploads.get(settings, pile_id)
        if not job_progress.finished(upload.job, settings):
            return True
        pile = _open(upload.path)
        widgets.skipped(pile.skipped)
        work.show(pile, settings)
    except TuskerError as refusal:
        widgets.error(str(refusal))
    widgets.button("Choose other pictures", _go_to, "", icon="swap_horiz")
    return True


@st.cache_resource(scope="session", max_entries=CONTINUED, show_spinner=False)
def _open(folder: Path) -> Pile:
    return labelling.load(folder)


def _go_to(pile_id: str) -> None:
    state.leave_pictures()
    st.session_state.pop(state.PILE_STEP, None)
    if pile_id:
        st.query_params[state.PILE] = pile_id


def store(files: list[Uploaded], settings: Settings, **more: Any) -> Upload:
    """Store an archive, a folder or loose pictures, and queue their examination."""
    first = files[0].name
    only = len(files) == 1 and sources.is_archive(first)
    folder, _, inside = first.replace("\\", "/").partition("/")
    name = sources.stem(first) if only else folder if folder and inside else "Pictures"

    def write(path: Path) -> None:
        if only:
            with files[0].open() as stream, path.open("wb") as target:
                unpacking.copy(stream, target, settings)
        else:
            unpacking.pack(_named(files), path, settings)

    return uploads.store(write, name, settings, by=state.visitor_id(settings), **more)


def _named(files: list[Uploaded]) -> Iterator[tuple[str, IO[bytes]]]:
    """Files of different folders may have the same name."""
    used: set[str] = set()
    for number, file in enumerate(files, 1):
        with file.open() as stream:
            yield f"{number}/{file.name}" if file.name in used else file.name, stream
        used.add(file.name)
