"""Choose pictures: by upload, by camera, from the samples, or none to watch the camera live."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.typing import UploadedFile

from core.archive import sources
from core.intake import samples
from core.settings import Settings
from ui import resources, state

LIVE = "Live"
SOURCES = ("Upload", "Camera", LIVE, "Samples")  # without icons, to fit a telephone


@dataclass(frozen=True)
class Picture:
    """A picture that somebody chose."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Batch:
    """More pictures than can be shown each with its answer, or zips, as they were uploaded."""

    files: tuple[UploadedFile, ...]

    @property
    def id(self) -> str:
        """Tells it from every other."""
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
        found = resources.sample_photographs()
        return [Picture(name, found[name])] if name in found else []
    if source == LIVE:
        st.caption("Hold something up to the camera. The answer follows it, frame by frame.")
        return []
    if source == "Camera":
        taken = st.camera_input("Take a picture", label_visibility="collapsed")
        return [Picture("Camera picture", taken.getvalue())] if taken else []
    given = st.file_uploader(
        "Drop pictures here, or a zip of them",
        type=["image", "zip"],
        accept_multiple_files=True,
        max_upload_size=max(settings.picture_megabytes, settings.archive_megabytes),
        help="JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC. They stay in this session. A zip, or "
        f"more than {settings.predict_pictures} pictures, becomes a table.",
    )
    if len(given) > settings.predict_pictures or any(sources.is_zip(file.name) for file in given):
        return Batch(tuple(given))
    return [Picture(file.name, file.getvalue()) for file in given]


def show_samples() -> None:
    """The samples with a button each."""
    found = resources.sample_photographs()
    with st.grid(len(found), min_column_width=120, gap="small") as grid:
        for name, content in found.items():
            with grid.cell():
                st.image(content, width="stretch", alt=samples.ALT_TEXTS[name])
                st.button(
                    name, key=f"sample {name}", on_click=_take_sample, args=(name,), width="stretch"
                )
    st.caption(samples.CREDIT)


def _take_sample(name: str) -> None:
    st.session_state[state.SOURCE] = "Samples"
    st.session_state[state.SAMPLE] = name
