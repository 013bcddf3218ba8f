"""Capture pictures with the camera, add files to the same classes, and train on them."""

import time
from functools import partial
from typing import Any

import streamlit as st

from core.capture.saving import as_zip, missing, save, single_burst_classes
from core.checks import Severity
from core.errors import TuskerError
from core.intake import Intake
from core.intake.uploads import Upload
from core.settings import Settings
from core.training import config
from ui import internals, launch, state, text, widgets
from ui.internals import Uploaded
from ui.live_camera import capture_view

NAMED = 5
"""Files that could not be used that are named."""


def offer(settings: Settings) -> None:
    """The camera with its classes, and what can be done with the pictures."""
    st.caption(
        "Hold the button of a class while you show it from all sides. Do so three times for each "
        "class, so that some captures can be kept for the test."
    )
    capture_view.show(settings)
    _below(settings)


@st.fragment
def _below(settings: Settings) -> None:
    """Everything below the camera; only this runs again for a request of the camera view."""
    if state.parameter(state.UPLOAD):
        st.rerun()
    capture_view.transport()
    session = capture_view.session()
    _add_files(settings)
    amount = f"{text.count(session.count, 'picture')}, {text.size(session.bytes)}, "
    st.caption(
        f":material/lock: {amount if session.count else 'Captured pictures are '}in the memory of "
        "this server for as long as your visit. Nothing is written to disk until you save it; "
        "closing or reloading the page deletes it."
    )
    problem = missing(session)
    with st.container(horizontal=True):
        more: dict[str, Any] = {"disabled": bool(problem), "about": ("capture",)}
        widgets.button(
            "Train and save",
            partial(_save, settings, at_once=True),
            icon="bookmark_add",
            type="primary",
            help="A run with a report, a link and files to download.",
            **more,
        )
        widgets.button(
            "Choose how to train",
            partial(_save, settings, at_once=False),
            icon="tune",
            help="Continue with steps 2 and 3, as if you had uploaded the pictures.",
            **more,
        )
        widgets.download(
            "Download the pictures",
            lambda: as_zip(session),
            "captured.zip",
            icon="folder_zip",
            disabled=not session.count,
        )
        with st.popover("Discard all", icon=":material/delete:", disabled=not session.count):
            widgets.button(f"Discard {text.count(session.count, 'picture')}", session.clear)
    if problem:
        st.caption(text.plain(problem, 300))
    elif captured_once := single_burst_classes(session):
        st.caption(
            f":material/info: {text.plain(text.listed(captured_once), 200)}: captured only once. "
            "The test pictures are then nearly the same as the training pictures, and the figures "
            "are too good. Capture each class three times."
        )
    widgets.show_refusal("capture")


def _add_files(settings: Settings) -> None:
    session = capture_view.session()
    with st.expander("Add pictures from files", icon=":material/upload:"):
        ids: dict[str, int] = {cls.name: cls.id for cls in session.classes}
        if not ids:
            st.caption("Add a class first.")
            return
        names = list(ids)
        last = st.session_state.get(state.CAPTURE_CLASS)
        # Streamlit identifies a choice by its name only. With other names the box is another
        # widget, which begins with the class that was chosen last.
        chosen = st.selectbox(
            "To the class",
            names,
            index=next((i for i, name in enumerate(names) if ids[name] == last), 0),
            key=f"capture class {hash(tuple(ids.items()))}",
        )
        st.session_state[state.CAPTURE_CLASS] = ids[chosen]
        widgets.uploader(
            "Pictures of it",
            "capture files",
            lambda files: _take(ids[chosen], files),
            accept_multiple_files=True,
            max_upload_size=settings.picture_megabytes,
        )
        for sentence in st.session_state.get(state.CAPTURE_PROBLEMS, ()):
            st.warning(text.plain(sentence, 400), icon=":material/broken_image:")


def _take(class_id: int, files: list[Uploaded]) -> None:
    session = capture_view.session()
    burst = time.time_ns() // 1_000_000
    problems = []
    for number, file in enumerate(files):
        try:
            # Files were taken at different times, so each is its own burst.
            left_out = session.add(class_id, [file.read()], burst + number)
        except TuskerError as refusal:
            problems.append(f"{file.name}: {refusal}")
        else:
            if left_out:
                problems.append(f"{file.name}: left out, nearly the same as another picture.")
    remaining = [f"… and {len(problems) - NAMED} more"] if len(problems) > NAMED else []
    st.session_state[state.CAPTURE_PROBLEMS] = problems[:NAMED] + remaining


def _save(settings: Settings, *, at_once: bool) -> None:
    upload = save(capture_view.session(), settings, by=state.visitor_id(settings))
    st.query_params[state.UPLOAD] = upload.id
    if at_once:
        st.session_state[state.TRAIN_AT_ONCE] = upload.id


def start_at_once(upload: Upload, examined: Intake, settings: Settings) -> bool:
    """Start a Quick training on what was just saved. Returns whether one was started."""
    if st.session_state.get(state.TRAIN_AT_ONCE) != upload.id:
        return False
    with internals.completing():
        del st.session_state[state.TRAIN_AT_ONCE]
        if any(finding.severity is Severity.BLOCKS for finding in examined.findings):
            return False
        with widgets.keep_refusal("start", upload.id):
            launch.start(upload, examined, config.preset("quick"), settings)
        return bool(state.parameter(state.RUN))
