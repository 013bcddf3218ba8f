"""Bring pictures by showing them: the camera, uploads to the same classes, and keeping it all."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.typing import UploadedFile

from core import capture as room
from core.checks import Severity
from core.checks.findings import listed
from core.errors import TuskerError
from core.intake import Intake
from core.intake.uploads import Upload
from core.settings import Settings
from core.training import config
from ui import launch, state, text
from ui.live_camera import capture, capture_view
from ui.uploads import release

NAMED = 5
"""Pictures that could not be read that are told by name."""


def offer(settings: Settings) -> None:
    """The camera with its classes, and what can be done with them."""
    st.caption(
        "Name your classes, then hold each one's button while you show it from all sides. Take "
        "three turns or more at each, so that some can be kept to check by."
    )
    capture_view.show(settings)
    _below(settings)


@st.fragment
def _below(settings: Settings) -> None:
    """Only this runs again for what the camera brings."""
    if state.parameter(state.UPLOAD):
        st.rerun()
    capture_view.transport()
    showing = capture.showing()
    _uploads(settings)
    amount = f"{text.count(showing.count, 'picture')}, {text.size(showing.bytes)}, "
    st.caption(
        f":material/lock: {amount if showing.count else 'What you show is '}in the memory of this "
        "server for as long as your visit. Nothing is written to disk until you keep it; closing "
        "or reloading the page forgets it."
    )
    why = room.lacking(showing)
    with st.container(horizontal=True):
        st.button(
            "Keep it",
            type="primary",
            icon=":material/bookmark_add:",
            disabled=bool(why),
            help="A run with a report, a link and files to download, in a few seconds.",
            on_click=_keep,
            args=(settings, True),
        )
        st.button(
            "Choose how to learn",
            icon=":material/tune:",
            disabled=bool(why),
            help="The pictures go on to steps 2 and 3, as if you had uploaded them.",
            on_click=_keep,
            args=(settings, False),
        )
        st.download_button(
            "Download the pictures",
            lambda: room.as_zip(showing),
            "shown.zip",
            "application/zip",
            icon=":material/folder_zip:",
            disabled=not showing.count,
            on_click="ignore",
        )
        with st.popover("Forget all", icon=":material/delete:", disabled=not showing.count):
            st.button(f"Forget {text.count(showing.count, 'picture')}", on_click=_forget)
    if why:
        st.caption(text.plain(why, 300))
    elif poor := room.flattering(showing):
        st.caption(
            f":material/info: {text.plain(listed(poor), 200)}: shown in one turn only. The "
            "pictures to check by are then nearly those it learns from, and the figures flatter "
            "it. Take three turns."
        )
    if state.KEEP_REFUSAL in st.session_state:
        st.error(text.plain(st.session_state[state.KEEP_REFUSAL], 600), icon=":material/error:")


def _uploads(settings: Settings) -> None:
    """Pictures from files, for the same classes."""
    showing = capture.showing()
    with st.expander("Add pictures from files", icon=":material/upload:"):
        named = {one.name: one.id for one in showing.classes}
        turn = st.session_state.setdefault(state.TEACH_ROUND, 0)
        if not named:
            st.caption("Add a class first.")
            return
        ids = list(named.values())
        before = st.session_state.get(state.TEACH_CLASS)
        # Streamlit knows a choice by its name only: under other names it is another widget, which
        # begins with the class that was chosen.
        chosen = st.selectbox(
            "To the class",
            list(named),
            index=ids.index(before) if before in ids else 0,
            key=f"shown class {hash(tuple(named.items()))}",
        )
        st.session_state[state.TEACH_CLASS] = named[chosen]
        key = f"shown files {turn}"
        st.file_uploader(
            "Pictures of it",
            accept_multiple_files=True,
            max_upload_size=settings.picture_megabytes,
            key=key,
            on_change=_take,
            args=(named[chosen], key),
        )
        for sentence in st.session_state.get(state.TEACH_SAID, ()):
            st.warning(text.plain(sentence, 400), icon=":material/broken_image:")


def _take(class_id: int, key: str) -> None:
    files: list[UploadedFile] = st.session_state[key]
    showing = capture.showing()
    burst = time.time_ns() // 1_000_000
    said = []
    for number, file in enumerate(files):
        try:
            # Files were taken at different times: each is a burst of its own.
            added = showing.add(class_id, [file.getvalue()], burst + number)
        except TuskerError as refusal:
            said.append(f"{file.name}: {refusal}")
        else:
            if added.alike:
                said.append(f"{file.name}: nearly the same as one that is there. It was left out.")
    release(files)
    # A new key empties the uploader, so that its buffer does not stay in memory.
    st.session_state[state.TEACH_ROUND] += 1
    more = len(said) - NAMED
    st.session_state[state.TEACH_SAID] = said[:NAMED] + ([f"… and {more} more"] if more > 0 else [])


def _keep(settings: Settings, at_once: bool) -> None:
    try:
        upload = room.save(capture.showing(), settings, by=state.mark(settings))
    except TuskerError as refusal:
        st.session_state[state.KEEP_REFUSAL] = str(refusal)
        return
    st.session_state.pop(state.KEEP_REFUSAL, None)
    st.query_params[state.UPLOAD] = upload.id
    if at_once:
        st.session_state[state.AT_ONCE] = upload.id


def _forget() -> None:
    capture.showing().clear()


def start_at_once(upload: Upload, found: Intake, settings: Settings) -> bool:
    """Begin a Quick training of what was just kept. Returns whether one was begun."""
    if st.session_state.get(state.AT_ONCE) != upload.id:
        return False
    del st.session_state[state.AT_ONCE]
    if any(finding.severity is Severity.BLOCKS for finding in found.findings):
        return False
    launch.start(upload, found, config.preset("quick"), settings)
    return bool(state.parameter(state.RUN))
