"""Step 1 of training: take pictures in, and show what was found in them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import streamlit as st
from streamlit.typing import UploadedFile

from core import intake
from core.checks import Severity
from core.errors import TuskerError
from core.intake import Intake, samples, uploads
from core.intake.uploads import Upload
from core.jobs import State, cancel, scheduling
from core.settings import Settings
from ui import findings, state, text
from ui.train import camera
from ui.uploads import release

CAMERA = "Camera"
GIVEN_BY = ("Zip", "Folder", "Sample", CAMERA)  # without icons, to fit a telephone
STRIP = 8
"""Pictures shown of each class."""


def current(settings: Settings) -> Upload | None:
    """The upload that the address names, if it is still here."""
    wanted = state.parameter(state.UPLOAD)
    if not wanted:
        return None
    try:
        return uploads.get(settings, wanted)
    except TuskerError as refusal:
        # Else the camera, which makes way for an upload, would wait for this one.
        st.query_params.pop(state.UPLOAD, None)
        st.warning(str(refusal))
        return None


def give(settings: Settings) -> None:
    """The ways to bring pictures. A finished upload goes on by itself."""
    mark = state.mark(settings)
    by = st.segmented_control(
        "How do you bring them?",
        GIVEN_BY,
        default="Zip",
        required=True,
        key=state.GIVEN_BY,
        label_visibility="collapsed",
    )
    if state.REFUSAL in st.session_state and by != CAMERA:
        st.error(text.plain(st.session_state[state.REFUSAL], 900), icon=":material/error:")
    turn = st.session_state.setdefault(state.ROUND, 0)
    if by == CAMERA:
        camera.offer(settings)
        return
    if by == "Zip":
        st.caption("One folder for each class, named after it: `flowers/rose/…`, `flowers/tulip/…`")
        given = st.file_uploader(
            "Drop a zip of class folders",
            type="zip",
            max_upload_size=settings.archive_megabytes,
            key=f"zip {turn}",
        )
        if given is not None:
            name = given.name.removesuffix(".zip")
            _take(lambda: uploads.take_zip(given, name, settings, by=mark))
            release([given])
            st.rerun()
    elif by == "Folder":
        st.caption("Choose the folder that holds a folder for each class.")
        files = st.file_uploader(
            "Choose a folder of class folders",
            accept_multiple_files="directory",
            max_upload_size=settings.archive_megabytes,
            key=f"folder {turn}",
        )
        if files:
            _take(lambda: _take_folder(files, settings))
            release(files)
            st.rerun()
    else:
        st.caption(
            f"{samples.PER_CLASS * 10} handwritten digits from scikit-learn, in ten classes. "
            "They are drawn on this machine; nothing is downloaded."
        )
        st.button(
            "Use the sample",
            type="primary",
            icon=":material/science:",
            on_click=_take,
            args=(
                lambda: uploads.take_generated(samples.digits, samples.DIGITS, settings, by=mark),
            ),
        )
    st.caption(
        f"Your pictures are deleted here {settings.upload_hours:g} hours after you last used them. "
        "A finished report keeps small copies of its test pictures."
    )


def _take_folder(files: list[UploadedFile], settings: Settings) -> Upload:
    name = files[0].name.replace("\\", "/").split("/")[0] or "folder"
    named = ((file.name, file) for file in files)
    return uploads.take_folder(named, name, settings, by=state.mark(settings))


def _take(bring: Callable[[], Upload]) -> None:
    try:
        upload = bring()
    except TuskerError as refusal:
        st.session_state[state.REFUSAL] = str(refusal)
    else:
        st.session_state.pop(state.REFUSAL, None)
        st.query_params[state.UPLOAD] = upload.id
    # A new key empties the uploader, so that its buffer does not stay in memory.
    st.session_state[state.ROUND] += 1


def examined(upload: Upload, settings: Settings) -> Intake | None:
    """What was found, with the remedies that were taken; None while there is nothing to show."""
    status = scheduling.status(upload.job, settings)
    if status.state is State.FINISHED:
        taken = findings.taken(upload)
        return intake.apply_remedies(upload.path, taken) if taken else upload.intake()
    if status.state.ended:
        st.error(text.plain(status.sentence, 900), icon=":material/error:")
        st.button("Choose other pictures", on_click=leave, icon=":material/arrow_back:")
        return None
    _watch(upload, settings)
    return None


@st.fragment(run_every=0.5)
def _watch(upload: Upload, settings: Settings) -> None:
    status = scheduling.status(upload.job, settings)
    if status.state.ended:
        st.rerun()
    steps = [event for event in upload.job.events.read() if event.kind == "step"]
    waiting = scheduling.position(upload.job, settings)
    if steps:
        last = steps[-1]
        st.progress(
            last.done / max(1, last.total), text=f"{last.what}: {last.done:,} of {last.total:,}"
        )
    else:
        st.progress(0.0, text=f"{waiting} uploads are ahead of yours" if waiting else "Starting")
    st.button("Cancel", key="cancel intake", on_click=cancel, args=(upload.job, settings))


def leave() -> None:
    """Go back to choosing pictures."""
    for name in (state.UPLOAD, state.RUN):
        st.query_params.pop(name, None)


def show(upload: Upload, found: Intake) -> bool:
    """Classes, strips, findings. Returns whether it can be learned from."""
    dataset = found.dataset
    megabytes = sum(example.size for example in dataset.examples) / 1024**2
    head, change = st.columns([5, 2], vertical_alignment="center")
    head.markdown(
        f"**{text.plain(dataset.name)}** · {text.classes(len(dataset.classes))} · "
        f"{text.count(len(dataset.examples), 'picture')} · {megabytes:.1f} MB"
        + (" · comes with its own test set" if dataset.predefined else "")
    )
    change.button("Choose other pictures", on_click=leave, icon=":material/swap_horiz:")
    findings.show(upload, found)
    findings.show_skipped(found)
    _strips(upload, found)
    return not any(finding.severity is Severity.BLOCKS for finding in found.findings)


def _strips(upload: Upload, found: Intake) -> None:
    dataset = found.dataset
    most = max(dataset.count(label) for label in range(len(dataset.classes)))
    for label, name in islice(enumerate(dataset.classes), 30):
        number = dataset.count(label)
        named, strip = st.columns([1, 4], vertical_alignment="center")
        named.progress(number / most, text=f"{text.plain(name, 30)} · {number:,}")
        first = islice((e for e in dataset.examples if e.label == label), STRIP)
        strip.image(
            [str(intake.thumbnail(upload.path, example)) for example in first],
            width=72,
            alt=[f"{name}, picture {i + 1}" for i in range(min(STRIP, number))],
        )
    if len(dataset.classes) > 30:
        st.caption(f"… and {len(dataset.classes) - 30} classes more")
