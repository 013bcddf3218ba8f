"""Step 1 of training: upload pictures, and show classes and findings."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import streamlit as st

from core import intake
from core.archive import sources
from core.checks import Severity
from core.errors import TuskerError
from core.intake import Intake, samples, uploads
from core.intake.uploads import Upload
from core.jobs import State, scheduling
from core.settings import Settings
from core.training.augmentation import Rendering
from core.training.config import TrainingConfig
from ui import gallery, job_progress, state, text, widgets
from ui.pile import page as pile
from ui.train import camera, classes, findings, grouping

UNSORTED, CAMERA = "Unsorted", "Camera"
UPLOADERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Zip": (
        "One folder for each class, named after it: flowers/rose, flowers/tulip, …",
        "Drop a zip, tar or 7z of class folders",
        {"type": list(sources.ARCHIVES)},
    ),
    "Folder": (
        "Choose the folder that holds one folder for each class.",
        "Choose a folder of class folders",
        {"accept_multiple_files": "directory"},
    ),
}
UPLOAD_BY = (*UPLOADERS, UNSORTED, CAMERA)  # without icons, to fit a phone
STRIP = 8
"""Pictures shown of each class."""
CLASSES = 30
"""Classes shown."""
UNFOLDED = 8
"""More classes than these fold away."""


def current(settings: Settings) -> Upload | None:
    """The upload that the address names, if it is still here."""
    upload_id = state.parameter(state.UPLOAD)
    if not upload_id:
        return None
    try:
        return uploads.get(settings, upload_id)
    except TuskerError as refusal:
        # Otherwise the camera, which ends once there is an upload, would wait for this one.
        state.leave_pictures(state.UPLOAD)
        st.warning(str(refusal))
        return None


def offer(settings: Settings) -> None:
    """The ways to upload pictures. The page continues by itself once an upload is complete."""
    source = widgets.choice(
        "How do you bring them?", UPLOAD_BY, key="upload by", persist_state="session"
    )
    if source == CAMERA:
        camera.offer(settings)
        return
    if source == UNSORTED:
        pile.offer(settings)
        return
    widgets.show_refusal("upload")
    pictures, sample = st.columns([3, 2], gap="large")
    with pictures:
        caption, label, more = UPLOADERS[source]
        st.caption(caption)
        widgets.uploader(
            label,
            source,
            lambda files: _take(pile.store(files, settings)),
            about=("upload",),
            max_upload_size=settings.archive_megabytes,
            **more,
        )
    with sample:
        st.caption(f"No pictures at hand? Try {samples.PER_CLASS * 10} handwritten digits.")

        def use_digits() -> None:
            _take(
                uploads.store(
                    samples.digits, samples.DIGITS, settings, by=state.visitor_id(settings)
                )
            )

        widgets.button("Use the sample", use_digits, icon="science", about=("upload",))
    st.caption(
        f"Your pictures are deleted {settings.upload_hours:g} hours after you last used them; a "
        "model keeps small copies of some.",
        help="Small copies of the test pictures and of pictures whose label may be wrong, and a "
        "fingerprint of each training and validation picture (64 × 64 pixels in grey, 8 × 8 in "
        "colour).",
    )


def show_later_steps() -> None:
    """Steps 2 and 3 while nothing can be done about them yet."""
    st.header(":gray[2 · Method]", divider="gray")
    st.caption("Quick, Balanced or Best, each with an estimate of the time it takes.")
    st.header(":gray[3 · Start]", divider="gray")
    st.caption("Watch it train, then see how good the model is and where it fails.")


def _take(upload: Upload) -> None:
    st.query_params[state.UPLOAD] = upload.id


def examined(upload: Upload, settings: Settings) -> Intake | None:
    """The intake with the remedies applied; None while there is nothing to show."""
    try:
        if job_progress.finished(upload.job, settings) and classes.complete(upload, settings):
            return findings.resolved(upload, settings)
    except TuskerError as refusal:
        widgets.error(str(refusal))
        widgets.button("Choose other pictures", leave, icon="arrow_back")
        if scheduling.status(upload.job, settings).state is State.FAILED:
            pile.offer_instead(upload, settings)
    return None


def leave() -> None:
    """Go back to choosing pictures."""
    state.leave_pictures(state.UPLOAD, state.RUN)


def show(upload: Upload, examined: Intake, settings: Settings) -> bool:
    """Classes, sample pictures and findings. Returns whether a model can be trained on them."""
    dataset = examined.dataset
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{text.plain(dataset.name)}** · {text.classes(len(dataset.classes))} · "
            f"{text.count(len(dataset.examples), 'picture')}"
            + (" · has its own test set" if dataset.predefined else ""),
            width="stretch",
        )
        widgets.button("Choose other pictures", leave, icon="swap_horiz")
    findings.show(upload, examined)
    widgets.skipped(dataset.skipped)
    if len(dataset.classes) > UNFOLDED:
        label = f"Pictures of the {len(dataset.classes)} classes"
        fold = st.expander(label, icon=":material/photo_library:", on_change="rerun", key="strips")
        if fold.open:
            with fold:
                _strips(upload, examined)
    else:
        _strips(upload, examined)
    classes.change(upload, examined, settings)
    grouping.offer(upload, examined)
    return not any(finding.severity is Severity.BLOCKS for finding in examined.findings)


def preview(
    upload: Upload, examined: Intake, settings: Settings
) -> Callable[[TrainingConfig, int], list[np.ndarray]]:
    """Renders the views of one of the pictures, given the edge in pixels. Raises BadImage."""
    dataset = examined.dataset
    path = upload.pictures / dataset.examples[0].path

    def render(config: TrainingConfig, edge: int) -> list[np.ndarray]:
        varied, scale = config.augmentation, dataset.scale
        rendering = Rendering(varied, edge, config.crop, settings, config.seed, scale)
        return rendering.views(path, "preview", range(varied.views))

    return render


def _strips(upload: Upload, examined: Intake) -> None:
    dataset = examined.dataset
    counts = dataset.counts()
    for label, name in enumerate(dataset.classes[:CLASSES]):
        number = counts[label]
        title, strip = st.columns([1, 4], vertical_alignment="center")
        with title:
            widgets.bar(name, number / max(counts), f"{number:,}")
        first = islice((e for e in dataset.examples if e.label == label), STRIP)
        with strip:
            gallery.strip(
                [intake.thumbnail(upload.path, example) for example in first],
                [f"{name}, picture {i + 1}" for i in range(min(STRIP, number))],
            )
    if len(dataset.classes) > CLASSES:
        st.caption(f"… and {len(dataset.classes) - CLASSES} more classes")
