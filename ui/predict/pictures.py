"""Choose pictures: by upload, by camera, from the samples, or none for the live view."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.typing import UploadedFile

from core.archive import sources
from core.intake import samples
from core.settings import Settings
from ui import state

LIVE = "Live"
SOURCES = ("Upload", "Camera", LIVE, "Samples")  # without icons, to fit a phone


@dataclass(frozen=True)
class Picture:
    """A picture that the visitor chose."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Batch:
    """Zips, or more pictures than fit on the page one by one, as they were uploaded."""

    files: tuple[UploadedFile, ...]

    @property
    def id(self) -> str:
        """Identifies the batch among others."""
        return " ".join(file.file_id for file in self.files)


def choose(settings: Settings) -> list[Picture] | Batch:
    """The controls, and what was chosen with them."""
    st.session_state.setdefault(state.SOURCE, "Upload")
    source = st.segmented_control(
        "Where is the picture?",
        SOURCES,
        required=True,
        key=state.SOURCE,
        label_visibility="collapsed",
    )
    if source == "Samples":
        show_samples()
        name = st.session_state.get(state.SAMPLE)
        photographs = samples.photographs()
        return [Picture(name, photographs[name])] if name in photographs else []
    if source == LIVE:
        st.caption("Hold something up to the camera. Each frame is classified.")
        return []
    if source == "Camera":
        photo = st.camera_input("Take a picture", label_visibility="collapsed")
        return [Picture("Camera picture", photo.getvalue())] if photo else []
    files = st.file_uploader(
        "Drop pictures here, or a zip of them",
        type=["image", "zip"],
        accept_multiple_files=True,
        max_upload_size=max(settings.picture_megabytes, settings.archive_megabytes),
        help="JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC. They stay in this session. A zip, or "
        f"more than {settings.predict_pictures} pictures, becomes a table.",
    )
    if len(files) > settings.predict_pictures or any(sources.is_zip(file.name) for file in files):
        return Batch(tuple(files))
    return [Picture(file.name, file.getvalue()) for file in files]


def show_samples() -> None:
    """The sample pictures, each with a button."""
    photographs = samples.photographs()
    with st.grid(len(photographs), min_column_width=120, gap="small") as grid:
        for name, content in photographs.items():
            with grid.cell():
                st.image(content, width="stretch", alt=samples.ALT_TEXTS[name])
                st.button(
                    name,
                    key=f"sample {name}",
                    on_click=_choose_sample,
                    args=(name,),
                    width="stretch",
                )
    st.caption(samples.CREDIT)


def _choose_sample(name: str) -> None:
    st.session_state[state.SOURCE] = "Samples"
    st.session_state[state.SAMPLE] = name
