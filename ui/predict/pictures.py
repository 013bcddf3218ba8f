"""Choose pictures: by upload, from the clipboard, by camera, from samples, or none for live."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core import backbones, images, runs
from core.archive import sources
from core.errors import TuskerError
from core.evaluation import browsing
from core.images import AS_DECLARED, Scale
from core.images.formats import READABLE
from core.intake import samples
from core.intake.samples import Sample
from core.settings import Settings
from ui import internals, resources, state, text, widgets
from ui.internals import Uploaded

UPLOAD, CAMERA, LIVE = "Upload", "Camera", "Live"  # without icons, to fit a phone
SAMPLES = 6
SAMPLE = 152
"""Pixels of a sample and its button on a phone."""
TALL = 2
"""Height to width above which a picture is not enlarged."""
_PASTE = st.components.v2.component(
    "tusker_paste", js=(Path(__file__).parent / "paste.js").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Picture:
    """A picture that the visitor chose."""

    name: str
    content: bytes | Path
    """The file, or where it is on the disk."""


class Preview(NamedTuple):
    """A picture as the screen shows it, and its height and width."""

    jpeg: bytes
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """Zips, or more pictures than fit on the page one by one, as they were uploaded."""

    files: tuple[Uploaded, ...]


def choose(settings: Settings) -> tuple[Picture, ...] | Batch:
    """The controls, and what was chosen last, also before a visit to another page."""
    st.session_state.setdefault(state.SOURCE, UPLOAD)
    source = widgets.choice(
        "Where is the picture?", (UPLOAD, CAMERA, LIVE), key=state.SOURCE, persist_state="session"
    )
    if source == LIVE:
        st.caption("Hold something up to the camera. Each frame is classified.")
        return ()
    turn = st.session_state.setdefault(state.PICTURES_TURN, 0)
    key = f"{source} {turn}"
    if source == CAMERA:
        st.camera_input(
            "Take a picture",
            label_visibility="collapsed",
            key=key,
            on_change=_use_uploads,
            args=(key, settings.predict_pictures, "Camera picture"),
        )
    else:
        with widgets.reserved(widgets.UPLOADER):
            st.file_uploader(
                "Drop or paste pictures here, or an archive of them",
                accept_multiple_files=True,
                max_upload_size=max(settings.picture_megabytes, settings.archive_megabytes),
                help=f"{READABLE}. They stay in this session. A zip, tar, 7z or more than "
                f"{settings.predict_pictures} pictures become a table.",
                key=key,
                on_change=_use_uploads,
                args=(key, settings.predict_pictures),
            )
    chosen: tuple[Picture, ...] | Batch = st.session_state.get(state.PICTURES, ())
    return chosen


def offer_others(settings: Settings, model: str) -> None:
    """Other samples, and a button to put away what was chosen; listens to the clipboard."""
    if st.session_state.get(state.PICTURES):
        if offered := _samples(settings, model):
            with st.popover("Samples", icon=":material/photo_library:", type="tertiary"):
                for number, sample in enumerate(offered):
                    _sample_button(sample, f"other sample {number}")
        widgets.button("Clear", _replace, icon="close", type="tertiary")
    if st.session_state[state.SOURCE] == UPLOAD:
        _PASTE(key="paste")


def offer_samples(settings: Settings, model: str) -> None:
    """Sample pictures, each with a button; a trained model offers pictures of its test set."""
    offered = _samples(settings, model)
    if not offered:
        st.info("The answer will appear here.")
        return
    st.header("No picture at hand? Try one of these.")
    with st.grid(3, min_column_width=100, gap="small", width=540) as grid:
        for number, sample in enumerate(offered):
            with grid.cell(), widgets.reserved(SAMPLE):
                st.image(preview(sample.content, square=True).jpeg, width="stretch", alt=sample.alt)
                _sample_button(sample, f"sample {number}")
    trained = not backbones.known(model)
    st.caption(
        "Test pictures, which the model has not learned from." if trained else samples.CREDIT
    )


@st.cache_data(
    scope="session",
    max_entries=64,
    show_spinner=False,
    hash_funcs={**resources.BY_PATH, Scale: repr},
)
def preview(content: bytes | Path, scale: Scale = AS_DECLARED, *, square: bool = False) -> Preview:
    """A picture as the screen can show it, whatever its format.

    Args:
        scale: of pictures of more than 8 bits, that of the model.

    Returns:
        JPEG of at most 640 pixels, or the centre square of 240.
    """
    edge = 240 if square else 640
    picture = images.decode(
        content, limits=resources.settings(), shorter_edge=edge, scale=scale, for_screen=True
    )
    if square:
        picture = images.crop_and_resize(picture, edge)
    return Preview(images.thumbnail(picture, edge=edge), picture.shape[:2])


def show_preview(jpeg: bytes, edges: tuple[int, ...], alt: str) -> None:
    """Show a preview as wide as its place; one of a long screenshot would be many screens high."""
    height, width = edges
    st.image(jpeg, width="content" if height > TALL * width else "stretch", alt=alt)


def _sample_button(sample: Sample, key: str) -> None:
    widgets.button(text.plain(sample.name, 30), _use_sample, sample, key=key, width="stretch")


def _samples(settings: Settings, model: str) -> tuple[Sample, ...]:
    """Pictures that a model should be able to name; none for a model without a report."""
    if backbones.known(model):
        return tuple(samples.photographs().values())
    try:
        run = runs.get(settings, model)
        report = resources.report(run)
    except TuskerError:
        return ()
    offered = []
    for index in browsing.round_robin(prediction.label for prediction in report.predictions):
        file, label = run.thumbnail(index), report.classes[report.predictions[index].label]
        if file.is_file():
            offered.append(Sample(label, file.read_bytes(), f"Test picture of {label}"))
        if len(offered) == SAMPLES:
            break
    return tuple(offered)


def _replace(pictures: tuple[Picture, ...] = ()) -> None:
    _set_chosen(pictures)
    turn = st.session_state[state.PICTURES_TURN]
    for source in (CAMERA, UPLOAD):
        internals.forget_uploads(widgets.uploaded_files(f"{source} {turn}"))
    st.session_state[state.PICTURES_TURN] += 1  # a new key empties the uploader and the camera


def _set_chosen(chosen: tuple[Picture, ...] | Batch, files: Sequence[Uploaded] = ()) -> None:
    st.session_state[state.PICTURES] = chosen
    st.session_state.pop(state.SHOWN, None)
    internals.keep_uploads(files)


def _use_sample(sample: Sample) -> None:
    st.session_state[state.SOURCE] = UPLOAD  # a live view would hide the answer
    _replace((Picture(sample.name, sample.content),))


def _use_uploads(key: str, most: int, name: str = "") -> None:
    files = tuple(map(internals.uploaded, widgets.uploaded_files(key)))
    if len(files) > most or any(sources.is_archive(file.name) for file in files):
        _set_chosen(Batch(files), files)
    else:
        _set_chosen(tuple(Picture(name or file.name, file.content) for file in files), files)
